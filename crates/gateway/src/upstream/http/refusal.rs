//! Makes sense of an HTTP status that is no success.

use http::{Response, StatusCode};
use hyper::body::Incoming;
use mcpg_mcp::envelope::{Incoming as Received, Message, parse};
use mcpg_mcp::error::{ErrorObject, INVALID_REQUEST, METHOD_NOT_FOUND};
use mcpg_mcp::id::RequestId;
use serde_json::value::RawValue;

use super::body;
use crate::upstream::error::UpstreamError;
use crate::upstream::peer::Peer;

/// How much of a body is worth showing.
const SHOWN: usize = 300;

pub(super) async fn read(
    response: Response<Incoming>,
    peer: Peer<'_>,
    id: Option<&RequestId>,
    limit: usize,
) -> UpstreamError {
    let status = response.status();
    // A body that cannot be read tells no more than none.
    let body = body::read(response.into_body(), limit).await.unwrap_or_default();
    classify(status, &body, peer, id)
}

fn classify(status: StatusCode, body: &[u8], peer: Peer<'_>, id: Option<&RequestId>) -> UpstreamError {
    let error = error_object(body, id);
    if peer.identified_session().is_some() && means_session_gone(status, body, error.as_deref()) {
        return UpstreamError::SessionGone;
    }
    match error {
        Some(error) => UpstreamError::Rpc(error),
        None => UpstreamError::Refused {
            status,
            body: excerpt(body),
        },
    }
}

/// The JSON-RPC error in the body, if it is about this request: errors found before the id was read have none.
fn error_object(body: &[u8], id: Option<&RequestId>) -> Option<Box<RawValue>> {
    match parse(body).ok()? {
        Received::Single(Message::Response(response))
            if response.id.is_none() || response.id.as_ref() == id =>
        {
            response.outcome.err().map(ToOwned::to_owned)
        }
        _ => None,
    }
}

/// 404 is what the protocol wants. Some servers answer 400 instead and only their text tells. Where a server has an
/// error of its own to tell about this very request, it may have executed it: that is never taken for a lost session.
fn means_session_gone(status: StatusCode, body: &[u8], error: Option<&RawValue>) -> bool {
    let error = error.and_then(ErrorObject::from_raw);
    match status {
        // A server of both eras may say "no such method" with this status: the session is alive then.
        StatusCode::NOT_FOUND => error.is_none_or(|error| error.code != METHOD_NOT_FOUND),
        StatusCode::BAD_REQUEST if error.is_none_or(|error| is_about_transport(&error)) => {
            let text = String::from_utf8_lossy(body).to_ascii_lowercase();
            text.contains("session") || text.contains("not initialized")
        }
        _ => false,
    }
}

/// The codes that common servers use for complaints about sessions.
fn is_about_transport(error: &ErrorObject) -> bool {
    matches!(error.code, INVALID_REQUEST | -32000 | -32001)
}

fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text: String = text
        .chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use mcpg_mcp::version::ProtocolVersion;

    use super::*;
    use crate::upstream::Session;

    fn session() -> Session {
        Session::new(Some("s".to_owned()), ProtocolVersion::V2025_11_25)
    }

    fn gone(status: u16, body: &str) -> bool {
        let session = session();
        let status = StatusCode::from_u16(status).expect("a status");
        let error = classify(
            status,
            body.as_bytes(),
            Peer::Legacy(&session),
            Some(&RequestId::from("a")),
        );
        matches!(error, UpstreamError::SessionGone)
    }

    #[test]
    fn a_lost_session_is_recognised_in_all_its_forms() {
        assert!(gone(404, ""));
        assert!(gone(
            404,
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}"#
        ));
        assert!(gone(
            400,
            r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"No valid session ID"},"id":null}"#
        ));
        assert!(gone(400, "Bad Request: Server not initialized"));
    }

    #[test]
    fn other_refusals_do_not_end_the_session() {
        assert!(!gone(400, "bad arguments"));
        assert!(!gone(500, "session"));
        let own = r#"{"jsonrpc":"2.0","id":"a","error":{"code":-32602,"message":"no such session in the calendar"}}"#;
        assert!(!gone(400, own));
        assert!(!gone(
            404,
            r#"{"jsonrpc":"2.0","id":"a","error":{"code":-32601,"message":"no method"}}"#
        ));
    }

    #[test]
    fn without_a_session_id_nothing_is_gone() {
        let session = Session::new(None, ProtocolVersion::V2025_11_25);
        for peer in [
            Peer::Legacy(&session),
            Peer::Opening,
            Peer::Modern(ProtocolVersion::V2026_07_28),
        ] {
            let error = classify(StatusCode::NOT_FOUND, b"session\n", peer, None);
            assert!(matches!(error, UpstreamError::Refused { body, .. } if body == "session"));
        }
    }

    #[test]
    fn an_error_of_a_modern_upstream_is_found_behind_its_status() {
        let body = br#"{"jsonrpc":"2.0","id":"a","error":{"code":-32020,"message":"header mismatch"}}"#;
        let peer = Peer::Modern(ProtocolVersion::V2026_07_28);
        let id = RequestId::from("a");
        let error = classify(StatusCode::BAD_REQUEST, body, peer, Some(&id));
        assert_eq!(error.code(), Some(-32020));
        let other = RequestId::from("b");
        let error = classify(StatusCode::BAD_REQUEST, body, peer, Some(&other));
        assert!(matches!(error, UpstreamError::Refused { .. }));
    }
}
