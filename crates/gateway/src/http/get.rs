//! GET: the streams of a legacy session that belong to no request, and the resumption of any stream.

use http::header::ACCEPT;
use http::{HeaderMap, Request, Response, StatusCode};
use mcpg_capabilities::principal::Principal;
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::headers::LAST_EVENT_ID;

use super::body::{EventBody, ResponseBody};
use super::respond;
use super::service::Frontend;
use crate::router::Resumed;

impl Frontend {
    /// Opens a stream or goes on with one. A session that does not exist is reported first, so that a client whose
    /// session is gone learns of it here too.
    pub(super) async fn get<B>(&self, principal: &Principal, request: &Request<B>) -> Response<ResponseBody> {
        let session = match self.require_session(principal, request).await {
            Ok(session) => session,
            Err(response) => return response,
        };
        if !takes_events(request.headers()) {
            return respond::refusal(
                StatusCode::NOT_ACCEPTABLE,
                "the answer to a GET is a stream: the Accept header must name text/event-stream",
            );
        }
        let Some(last) = request.headers().get(LAST_EVENT_ID) else {
            return match self.router.open_get_stream(session).await {
                Ok(frames) => respond::events(EventBody::of(frames)),
                Err(why) => {
                    let why = ErrorObject::invalid_request(why.to_string());
                    respond::error(StatusCode::CONFLICT, None, &why)
                }
            };
        };
        let last = last.to_str().unwrap_or_default();
        let frames = match self.router.last_event(&session, last) {
            Resumed::Get(last) => self.router.resume_get_stream(session, &last),
            Resumed::Call(last) => self.router.resume_call(&session, last),
            Resumed::Unknown => {
                return respond::refusal(
                    StatusCode::BAD_REQUEST,
                    "the Last-Event-ID was not minted for this session",
                );
            }
        };
        respond::events(EventBody::of(frames))
    }
}

/// Whether a client takes a stream of events. One that says nothing takes anything.
fn takes_events(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(ACCEPT).iter().peekable();
    accepted.peek().is_none()
        || accepted
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|range| range.split(';').next().unwrap_or_default().trim())
            .any(|range| {
                ["text/event-stream", "text/*", "*/*"]
                    .iter()
                    .any(|taken| range.eq_ignore_ascii_case(taken))
            })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_stream_is_only_given_to_who_takes_one() {
        for (accept, takes) in [
            ("text/event-stream", true),
            ("application/json, text/event-stream;q=0.5", true),
            ("Text/Event-Stream", true),
            ("text/*", true),
            ("*/*", true),
            ("application/json", false),
            ("text/plain", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(takes_events(&headers), takes, "{accept}");
        }
        assert!(takes_events(&HeaderMap::new()));
    }
}
