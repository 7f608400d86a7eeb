//! The few shapes that responses have.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{Either, Full};
use mcpg_capabilities::sessions::SessionError;
use mcpg_mcp::error::{ErrorObject, INVALID_REQUEST};
use mcpg_mcp::id::RequestId;
use mcpg_mcp::{headers, write};
use tracing::error;

use super::access::Unauthorized;
use super::body::{EventBody, ResponseBody};

/// How long a client should wait before it asks again, in seconds.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// A JSON body.
pub(super) fn json(status: StatusCode, body: Bytes) -> Response<ResponseBody> {
    let mut response = empty(status);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *response.body_mut() = Either::Left(Full::new(body));
    response
}

/// No body.
pub(super) fn empty(status: StatusCode) -> Response<ResponseBody> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::new())));
    *response.status_mut() = status;
    response
}

/// A JSON-RPC error as the body of an HTTP error.
pub(super) fn error(
    status: StatusCode,
    id: Option<&RequestId>,
    error: &ErrorObject,
) -> Response<ResponseBody> {
    json(status, write::error(id, error))
}

/// A refusal before any JSON-RPC message was read.
pub(super) fn refusal(status: StatusCode, why: &str) -> Response<ResponseBody> {
    error(status, None, &ErrorObject::invalid_request(why))
}

/// A stream of events.
pub(super) fn events(body: EventBody) -> Response<ResponseBody> {
    let mut response = Response::new(Either::Right(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(headers::ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

/// 401 and what to send.
pub(super) fn unauthorized(refused: Unauthorized) -> Response<ResponseBody> {
    let error = ErrorObject::new(INVALID_REQUEST, refused.remedy());
    let error = error.with_value(&serde_json::json!({ "reason": "unauthorized" }));
    let mut response = json(StatusCode::UNAUTHORIZED, write::error(None, &error));
    let challenge = HeaderValue::from_static(refused.challenge());
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

/// 405 with the methods that exist.
pub(super) fn method_not_allowed(allowed: &'static str) -> Response<ResponseBody> {
    let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, "this method does not exist here");
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// 503 with a JSON-RPC error: the same request may be sent again, here or elsewhere.
pub(super) fn unavailable(message: Bytes) -> Response<ResponseBody> {
    let mut response = json(StatusCode::SERVICE_UNAVAILABLE, message);
    response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
    response
}

/// 503 for what arrives after the listener was closed.
pub(super) fn stopping() -> Response<ResponseBody> {
    let why = "this replica is stopping: send the request again, it reaches another one";
    let why = ErrorObject::internal_with_reason("unavailable", why);
    unavailable(write::error(None, &why))
}

/// What a failure of the session directory means to a client. Only a session that is surely gone is 404: that makes
/// clients start anew.
pub(super) fn session_error(problem: &SessionError, id: Option<&RequestId>) -> Response<ResponseBody> {
    match problem {
        SessionError::Unknown => error(
            StatusCode::NOT_FOUND,
            id,
            &ErrorObject::invalid_request("no such session: initialize a new one"),
        ),
        SessionError::Full | SessionError::Unavailable(_) | SessionError::Indeterminate(_) => {
            let why = ErrorObject::internal_with_reason("unavailable", problem.to_string());
            unavailable(write::error(id, &why))
        }
        other => {
            error!(message = "A session record is unusable.", error = %other);
            error(
                StatusCode::INTERNAL_SERVER_ERROR,
                id,
                &ErrorObject::internal("the session is unusable"),
            )
        }
    }
}
