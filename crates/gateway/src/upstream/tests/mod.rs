//! The upstream side against a scripted server.

#![allow(clippy::unwrap_used)]
#![allow(
    clippy::needless_pass_by_value,
    reason = "a `json!` given away reads better than one borrowed"
)]

mod calls;
mod cancelling;
mod modern;
mod probing;
mod programs;
mod reports;
mod server;
mod sessions;
mod streams;
mod supervising;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderMap, Uri};
use mcpg_config::app::{Import, Retry};
use mcpg_mcp::version::ProtocolVersion;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::http::tls;
use super::settings::{HttpSettings, Timing, TransportSettings};
use super::{Settings, State, Upstream};
use crate::exchange::{Caller, Event, EventSink, Outgoing};
use crate::mint::Mint;
use crate::observe::CallTrace;
use server::{Received, Reply, Server};

/// Short times, so that tests are quick; the deadlines of the tests themselves are long.
fn settings(address: SocketAddr) -> Settings {
    Settings {
        name: "up".to_owned(),
        pinned: None,
        import: Import {
            tools: true,
            prompts: true,
            resources: true,
            resource_templates: true,
        },
        retry: Retry {
            initial: Duration::from_millis(10),
            max: Duration::from_millis(40),
        },
        max_response_bytes: 64 * 1024,
        idle: Duration::from_secs(60),
        transport: TransportSettings::Http(Box::new(HttpSettings {
            url: format!("http://{address}/mcp").parse::<Uri>().unwrap(),
            headers: HeaderMap::new(),
            tls: tls::client_config(false, None).unwrap(),
            connect_timeout: Duration::from_secs(1),
        })),
        timing: Timing {
            discover: Duration::from_millis(400),
            open: Duration::from_secs(2),
            request: Duration::from_secs(2),
            patience: Duration::from_millis(400),
            look: Duration::from_millis(20),
            look_streaming: Duration::from_millis(200),
            debounce: Duration::from_millis(5),
            reopen: Duration::from_millis(10),
        },
    }
}

fn web(settings: &mut Settings) -> &mut HttpSettings {
    match &mut settings.transport {
        TransportSettings::Http(http) => http,
        TransportSettings::Child(_) => panic!("no HTTP server"),
    }
}

fn upstream(address: SocketAddr) -> Arc<Upstream> {
    Upstream::new(settings(address), Mint::new("boot")).unwrap()
}

/// Supervises until the guard is dropped.
fn supervise(upstream: &Arc<Upstream>) -> DropGuard {
    let stop = CancellationToken::new();
    tokio::spawn(Arc::clone(upstream).supervise(stop.clone()));
    stop.drop_guard()
}

/// Waits until the state is as wanted.
async fn state_when(upstream: &Upstream, wanted: impl FnMut(&Arc<State>) -> bool) -> Arc<State> {
    let mut states = upstream.states();
    let waited = tokio::time::timeout(Duration::from_secs(10), states.wait_for(wanted)).await;
    Arc::clone(&waited.expect("the state never came").unwrap())
}

async fn up(upstream: &Upstream) -> Arc<State> {
    state_when(upstream, |state| state.status.is_up()).await
}

fn names(items: &[Box<RawValue>]) -> Vec<String> {
    let name = |item: &RawValue| {
        let item: Value = serde_json::from_str(item.get()).unwrap();
        item["name"].as_str().unwrap().to_owned()
    };
    items.iter().map(|item| name(item)).collect()
}

fn raw(value: &Value) -> Box<RawValue> {
    to_raw_value(value).unwrap()
}

fn call(arguments: &Value) -> Outgoing {
    Outgoing {
        method: "tools/call",
        params: Some(raw(&json!({ "name": "work", "arguments": arguments }))),
        name: Some("work".to_owned()),
        parameter_headers: Vec::new(),
    }
}

fn caller(version: ProtocolVersion) -> (Caller, mpsc::Receiver<Event>) {
    let (events, receiver) = EventSink::new(8);
    let caller = Caller {
        version,
        capabilities: Arc::from(raw(&json!({ "elicitation": {} }))),
        client_info: Some(Arc::from(raw(&json!({ "name": "client", "version": "1" })))),
        log_level: None,
        progress_token: None,
        events,
        trace: CallTrace::default(),
    };
    (caller, receiver)
}

fn legacy_caller() -> (Caller, mpsc::Receiver<Event>) {
    caller(ProtocolVersion::V2025_11_25)
}

/// What a simple legacy server says: it gives out sessions, offers the tool `work` and has no GET stream.
#[derive(Clone, Default)]
struct Legacy {
    sessions: Arc<AtomicUsize>,
}

impl Legacy {
    fn reply(&self, received: &Received) -> Reply {
        match received.method() {
            "server/discover" => Reply::Text(::http::StatusCode::BAD_REQUEST, "no session".to_owned()),
            "initialize" => {
                let number = self.sessions.fetch_add(1, Ordering::SeqCst) + 1;
                Reply::Session(
                    format!("session-{number}"),
                    received.result(initialized("2025-11-25")),
                )
            }
            "tools/list" => Reply::ok(received.result(json!({ "tools": [{ "name": "work" }] }))),
            "ping" => Reply::ok(received.result(json!({}))),
            "GET" => Reply::status(405),
            "DELETE" => Reply::status(200),
            method if method.starts_with("notifications/") => Reply::status(202),
            _ if received.body["method"].is_null() => Reply::status(202),
            _ => Reply::ok(received.error(-32601)),
        }
    }
}

fn initialized(version: &str) -> Value {
    json!({
        "protocolVersion": version,
        "capabilities": { "tools": { "listChanged": true } },
        "serverInfo": { "name": "scripted", "version": "1" },
    })
}

/// A simple legacy server, except for what `special` answers.
async fn legacy_server(special: impl Fn(&Received) -> Option<Reply> + Send + Sync + 'static) -> Server {
    let legacy = Legacy::default();
    Server::start(move |received| special(received).unwrap_or_else(|| legacy.reply(received))).await
}

fn discovered(versions: &[&str]) -> Value {
    json!({
        "resultType": "complete",
        "supportedVersions": versions,
        "capabilities": { "tools": {} },
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "scripted", "version": "2" } },
    })
}

/// A simple modern server that offers the tool `work`.
fn modern(received: &Received) -> Reply {
    match received.method() {
        "server/discover" => Reply::ok(received.result(discovered(&["2026-07-28"]))),
        "tools/list" => {
            let result = json!({ "resultType": "complete", "tools": [{ "name": "work" }], "ttlMs": 0, "cacheScope": "private" });
            Reply::ok(received.result(result))
        }
        _ => Reply::Json(::http::StatusCode::NOT_FOUND, received.error(-32601)),
    }
}

async fn modern_server(special: impl Fn(&Received) -> Option<Reply> + Send + Sync + 'static) -> Server {
    Server::start(move |received| special(received).unwrap_or_else(|| modern(received))).await
}

fn text(outcome: impl AsRef<RawValue>) -> Value {
    serde_json::from_str(outcome.as_ref().get()).unwrap()
}
