//! What a client does, told as steps that may fail, so that a test can demand that they do.

use http::StatusCode;
use serde_json::json;

use crate::support::http::Answer;
use crate::support::legacy::{REVISION, Session, initialize};
use crate::support::mcp::{Endpoint, Exchange, text_of};
use crate::support::session_requests::list_request;

/// A session from its greeting to its first call; an error names the first step that failed.
pub(super) async fn core(entry: &Endpoint, tag: &str) -> Result<(), String> {
    let session = Session::greet(entry, &initialize(REVISION, &json!({}))).await;
    let step = "notifications/initialized";
    expect(step, session.notify(step, json!({})).await, StatusCode::ACCEPTED)?;
    let listed = session.send(&list_request()).await;
    expect("tools/list", listed.status, StatusCode::OK)?;
    let params = json!({"name": "echo", "arguments": {"message": "hi", "tag": tag}});
    let called = session.start(json!(2), "tools/call", params).await;
    expect("tools/call", called.status, StatusCode::OK)?;
    match text_of(&called.result().await) {
        "hi" => Ok(()),
        other => Err(format!("tools/call has the result {other}")),
    }
}

fn expect(step: &str, status: StatusCode, wanted: StatusCode) -> Result<(), String> {
    match status == wanted {
        true => Ok(()),
        false => Err(format!("{step} is answered with {status}")),
    }
}

/// The session that an answer to `initialize` opened, used at an endpoint.
pub(super) async fn greeted(endpoint: &Endpoint, answer: Answer, id: String) -> Session {
    let greeting = Exchange::new(answer).result().await;
    Session::known(endpoint, id, greeting)
}
