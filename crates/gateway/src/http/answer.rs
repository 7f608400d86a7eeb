//! Holds the response headers until it is clear what the response is: one JSON message, or a stream.

use http::{Response, StatusCode};
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::id::RequestId;
use mcpg_mcp::version::Era;

use super::body::{EventBody, ResponseBody, event};
use super::respond;
use super::service::Frontend;
use crate::router::{Call, Final, Output};

impl Frontend {
    /// The response to a request whose call was just started.
    ///
    /// A call that is done soon and has sent nothing else is answered as JSON. Everything else becomes a stream of
    /// events; the call itself says when.
    pub(super) async fn answer(&self, era: Era, id: &RequestId, mut call: Call) -> Response<ResponseBody> {
        match call.next().await {
            Some(Output::Answer(answer)) => whole(era, *answer),
            Some(Output::Stream) => respond::events(EventBody::new(&[], vec![call])),
            // The call runs on by itself when it is let go of.
            Some(Output::Frames(frames)) => respond::events(EventBody::of(frames)),
            Some(Output::Event(message)) => respond::events(EventBody::new(&[event(&message)], vec![call])),
            // Nobody waits for an answer any more, and none may be sent: a stream that ends without one.
            Some(Output::Cancelled) => respond::events(EventBody::new(&[], Vec::new())),
            Some(Output::SessionClosed) => {
                let why = ErrorObject::invalid_request("the session was closed while the request ran");
                respond::error(StatusCode::NOT_FOUND, Some(id), &why)
            }
            None => {
                let why = ErrorObject::internal("the call ended without an answer");
                respond::error(StatusCode::INTERNAL_SERVER_ERROR, Some(id), &why)
            }
        }
    }
}

/// An answer that is the whole response.
fn whole(era: Era, answer: Final) -> Response<ResponseBody> {
    if answer.not_started {
        return respond::unavailable(answer.message);
    }
    respond::json(answer.status(era), answer.message)
}
