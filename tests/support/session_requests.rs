//! Every kind of request that names a session, and what an unknown session is answered with.

use http::StatusCode;
use serde_json::{Value, json};

use super::http::Call;
use super::legacy::REVISION;
use super::mcp::Endpoint;

/// An id that has the look of one, but was never handed out.
pub(crate) const UNKNOWN: &str = "00000000000000000000000000000000";

/// A request that every session may send.
pub(crate) fn list_request() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
}

/// Every kind of request that names a session, by a word for messages.
pub(crate) fn all_kinds(endpoint: &Endpoint, session: &str) -> Vec<(&'static str, Call)> {
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let response = json!({"jsonrpc": "2.0", "id": "q", "result": {}});
    [
        ("a request", endpoint.post(&list_request())),
        ("a notification", endpoint.post(&notification)),
        ("a response", endpoint.post(&response)),
        ("a GET", endpoint.get()),
        ("a DELETE", endpoint.delete()),
    ]
    .into_iter()
    .map(|(kind, call)| {
        let call = call
            .header("mcp-session-id", session)
            .header("mcp-protocol-version", REVISION);
        (kind, call)
    })
    .collect()
}

/// Checks that a session is unknown to a server, whatever is asked.
pub(crate) async fn assert_all_not_found(endpoint: &Endpoint, session: &str) {
    for (kind, call) in all_kinds(endpoint, session) {
        let answer = call.send().await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{kind} of {session}");
        assert!(!answer.is_stream(), "{kind} opened a stream");
    }
}
