//! A legacy client whose every request may go to another replica.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use serde_json::{Value, json};

use super::http::{Answer, send};
use super::upstream::TOOL;
use crate::failure::{Failure, While as _};
use crate::protocol::{LEGACY_REVISION, PROTOCOL_VERSION, SESSION_ID};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// An open session.
#[derive(Debug)]
pub(super) struct Session {
    headers: HeaderMap,
    calls: u64,
}

impl Session {
    /// Opens one at a replica.
    pub(super) async fn open(url: &Uri) -> Result<Self, Failure> {
        let mut headers = HeaderMap::new();
        let accepted = HeaderValue::from_static("application/json, text/event-stream");
        headers.insert(ACCEPT, accepted);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut session = Self { headers, calls: 0 };
        let params = json!({
            "protocolVersion": LEGACY_REVISION,
            "capabilities": {},
            "clientInfo": {"name": "mcpg-bench", "version": "1"},
        });
        let message = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let answer = session.post(url, &message).await?;
        let id = answer.headers.get(SESSION_ID).cloned();
        answer.response().await?;
        let id = id.ok_or_else(|| Failure::new("initialize gave no session id"))?;
        session.headers.insert(SESSION_ID, id);
        let revision = HeaderValue::from_static(LEGACY_REVISION);
        session.headers.insert(PROTOCOL_VERSION, revision);
        session
            .notify(url, "notifications/initialized", json!({}))
            .await?;
        Ok(session)
    }

    /// Starts a call, whose id is returned too.
    pub(super) async fn call(&mut self, url: &Uri) -> Result<(Value, Answer), Failure> {
        self.calls += 1;
        let id = json!(self.calls);
        let params = json!({"name": TOOL, "arguments": {}, "_meta": {"progressToken": self.calls}});
        let message = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
        Ok((id, self.post(url, &message).await?))
    }

    /// Makes a request and returns its answer, which is no stream.
    pub(super) async fn request(&self, url: &Uri, method: &str, params: Value) -> Result<Value, Failure> {
        let message = json!({"jsonrpc": "2.0", "id": method, "method": method, "params": params});
        self.post(url, &message).await?.response().await
    }

    /// Cancels a call.
    pub(super) async fn cancel(&self, url: &Uri, id: &Value) -> Result<(), Failure> {
        self.notify(url, "notifications/cancelled", json!({"requestId": id}))
            .await
    }

    /// Opens a stream: a new one, or one that goes on after an event.
    pub(super) async fn listen(&self, url: &Uri, after: Option<&str>) -> Result<Answer, Failure> {
        let mut headers = self.headers.clone();
        if let Some(id) = after {
            let id = HeaderValue::from_str(id).attempting(|| "the id of an event".to_owned())?;
            headers.insert(LAST_EVENT_ID, id);
        }
        expect(
            send(url, Method::GET, headers, String::new()).await?,
            StatusCode::OK,
        )
    }

    async fn notify(&self, url: &Uri, method: &str, params: Value) -> Result<(), Failure> {
        let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        let answer = send(url, Method::POST, self.headers.clone(), message.to_string()).await?;
        expect(answer, StatusCode::ACCEPTED).map(drop)
    }

    async fn post(&self, url: &Uri, message: &Value) -> Result<Answer, Failure> {
        let answer = send(url, Method::POST, self.headers.clone(), message.to_string()).await?;
        expect(answer, StatusCode::OK)
    }
}

fn expect(answer: Answer, wanted: StatusCode) -> Result<Answer, Failure> {
    if answer.status == wanted {
        return Ok(answer);
    }
    Err(Failure::new(format!("a replica answered with {}", answer.status)))
}
