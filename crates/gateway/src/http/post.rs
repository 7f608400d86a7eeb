//! POST: reads the body, decides the era, and hands on.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use mcpg_capabilities::principal::Principal;
use mcpg_mcp::content;
use mcpg_mcp::envelope::{self, Incoming, Message};
use mcpg_mcp::era::{Decision, EraHeaders, decide};
use mcpg_mcp::version::Era;

use super::body::ResponseBody;
use super::respond;
use super::service::Frontend;

/// How deeply JSON may be nested. Generous for arguments, and far from any parser's stack.
const MAX_DEPTH: usize = 128;
/// How long a client may take to send the body of a request.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

impl Frontend {
    /// Answers a POST.
    pub(super) async fn post<B>(&self, principal: &Principal, request: Request<B>) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        if let Err(status) = content::check_content_type(&parts.headers) {
            return respond::refusal(status, "the body must be application/json");
        }
        if let Err(status) = content::check_post_accept(&parts.headers) {
            return respond::refusal(
                status,
                "a POST must accept application/json and text/event-stream",
            );
        }
        let body = match self.read(&parts.headers, body).await {
            Ok(body) => body,
            Err(response) => return *response,
        };
        if let Err(error) = envelope::max_depth(&body, MAX_DEPTH) {
            return respond::error(StatusCode::BAD_REQUEST, None, &error);
        }
        let headers = match EraHeaders::read(&parts.headers) {
            Ok(headers) => headers,
            Err(rejection) => return respond::json(rejection.status, rejection.body()),
        };
        match envelope::parse(&body) {
            Ok(Incoming::Single(message)) => self.message(principal, &parts.headers, &headers, message).await,
            Ok(Incoming::Batch(messages)) => self.batch(principal, &headers, messages).await,
            Err(invalid) => respond::error(StatusCode::BAD_REQUEST, invalid.id.as_ref(), &invalid.error),
        }
    }

    async fn message(
        &self,
        principal: &Principal,
        http_headers: &HeaderMap,
        headers: &EraHeaders<'_>,
        message: Message<'_>,
    ) -> Response<ResponseBody> {
        // From here on every request is counted, however it ends.
        let meter = match &message {
            Message::Request(request) => Some(self.meters.begin(&request.method)),
            Message::Notification(_) | Message::Response(_) => None,
        };
        match decide(headers, &message) {
            Err(rejection) => {
                if let Some(meter) = meter {
                    meter.refused(rejection.status);
                }
                respond::json(rejection.status, rejection.body())
            }
            Ok(Decision::Modern { meta, params }) => match (message, meter) {
                (Message::Request(request), Some(meter)) => {
                    let meter = meter.in_era(Era::Modern);
                    self.modern(principal, http_headers, &request, &meta, &params, meter)
                        .await
                }
                // Only requests carry modern metadata that counts.
                _ => respond::empty(StatusCode::ACCEPTED),
            },
            // The modern era defines no notification of a client over HTTP: it is accepted and has no effect.
            Ok(Decision::ModernNotification { .. }) => respond::empty(StatusCode::ACCEPTED),
            Ok(Decision::Initialize { .. }) => match (message, meter) {
                (Message::Request(request), Some(meter)) => {
                    let meter = meter.in_era(Era::Legacy);
                    self.initialize(principal, headers, &request, meter).await
                }
                _ => respond::empty(StatusCode::ACCEPTED),
            },
            Ok(Decision::Legacy { session, params }) => {
                let meter = meter.map(|meter| meter.in_era(Era::Legacy));
                self.legacy(principal, session, message, &params, meter).await
            }
        }
    }

    async fn read<B>(&self, headers: &HeaderMap, body: B) -> Result<Bytes, Box<Response<ResponseBody>>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let too_large = || {
            let limit = self.max_body;
            let why = format!("the body is larger than {limit} bytes (gateway.server.max_request_body_mb)");
            Box::new(respond::refusal(StatusCode::PAYLOAD_TOO_LARGE, &why))
        };
        let announced = headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > self.max_body as u64) {
            return Err(too_large());
        }
        match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, self.max_body).collect()).await {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(error)) => Err(Box::new(respond::refusal(
                StatusCode::BAD_REQUEST,
                &format!("the body could not be read: {error}"),
            ))),
            Err(_) => Err(Box::new(respond::refusal(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not arrive in time",
            ))),
        }
    }
}
