//! Changes, death and return.

use std::sync::atomic::AtomicBool;

use super::super::{Status, UpstreamError, Via};
use super::reports::Reports;
use super::server::{Events, Reply, eventually};
use super::*;

/// Lists one tool, named after how often the list has changed.
#[derive(Clone, Default)]
struct Changing(Arc<AtomicUsize>);

impl Changing {
    fn change(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn list(&self, received: &Received) -> Reply {
        let name = format!("v{}", self.0.load(Ordering::SeqCst));
        Reply::ok(received.result(json!({ "resultType": "complete", "tools": [{ "name": name }] })))
    }
}

fn changed() -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" })
}

fn lists(state: &State, name: &str) -> bool {
    let offer = state.legacy.as_ref().or(state.modern.as_ref());
    state.status.is_up() && offer.is_some_and(|offer| names(&offer.tools) == [name])
}

async fn stream_of(opened: &mut mpsc::Receiver<(Received, Events)>) -> (Received, Events) {
    let opened = tokio::time::timeout(Duration::from_secs(10), opened.recv()).await;
    opened.expect("no stream was opened").unwrap()
}

#[tokio::test]
async fn a_change_told_on_the_get_stream_is_followed() {
    let (opened, mut streams) = mpsc::channel(8);
    let changing = Changing::default();
    let listing = changing.clone();
    let server = legacy_server(move |received| match received.method() {
        "GET" => {
            let (reply, events) = Reply::stream();
            opened.try_send((received.clone(), events)).unwrap();
            Some(reply)
        }
        "tools/list" => Some(listing.list(received)),
        _ => None,
    })
    .await;
    let upstream = upstream(server.address);
    let _running = supervise(&upstream);
    let (get, events) = stream_of(&mut streams).await;
    assert_eq!(
        (get.session(), get.header("accept")),
        (Some("session-1"), Some("text/event-stream"))
    );
    state_when(&upstream, |state| lists(state, "v0")).await;
    let before = server.count("tools/list");
    changing.change();
    for _ in 0..10 {
        events.message(&changed());
    }
    events.message(&json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }));
    state_when(&upstream, |state| lists(state, "v1")).await;
    assert!(
        server.count("tools/list") - before < 10,
        "changes that come together are one change"
    );
    eventually("ping is answered", || server.answers().len() == 1).await;
    // What happens while nobody listens is noticed as soon as somebody listens again.
    changing.change();
    drop(events);
    let _open = stream_of(&mut streams).await;
    state_when(&upstream, |state| lists(state, "v2")).await;
    assert_eq!(server.count("initialize"), 1);
}

#[tokio::test]
async fn a_change_told_by_a_subscription_is_followed() {
    let (opened, mut streams) = mpsc::channel(8);
    let changing = Changing::default();
    let listing = changing.clone();
    let server = modern_server(move |received| match received.method() {
        "server/discover" => {
            let mut result = discovered(&["2026-07-28"]);
            result["capabilities"] = json!({ "tools": { "listChanged": true }, "prompts": {} });
            Some(Reply::ok(received.result(result)))
        }
        "subscriptions/listen" => {
            let (reply, events) = Reply::stream();
            opened.try_send((received.clone(), events)).unwrap();
            Some(reply)
        }
        "tools/list" => Some(listing.list(received)),
        _ => None,
    })
    .await;
    let upstream = upstream(server.address);
    let _running = supervise(&upstream);
    let (listen, events) = stream_of(&mut streams).await;
    assert_eq!(
        listen.body["params"]["notifications"],
        json!({ "toolsListChanged": true })
    );
    assert_eq!(listen.header("mcp-method"), Some("subscriptions/listen"));
    let acknowledged = "notifications/subscriptions/acknowledged";
    events.message(&json!({ "jsonrpc": "2.0", "method": acknowledged, "params": {} }));
    state_when(&upstream, |state| lists(state, "v0")).await;
    changing.change();
    events.message(&changed());
    state_when(&upstream, |state| lists(state, "v1")).await;
    // A graceful end is answered by a new subscription.
    changing.change();
    events.message(&listen.result(json!({ "resultType": "complete" })));
    let _open = stream_of(&mut streams).await;
    state_when(&upstream, |state| lists(state, "v2")).await;
}

#[tokio::test]
async fn a_change_told_in_a_call_is_followed() {
    let changing = Changing::default();
    let listing = changing.clone();
    let server = legacy_server(move |received| match received.method() {
        "tools/call" => {
            listing.change();
            let (reply, events) = Reply::stream();
            events.message(&changed());
            events.message(&received.result(json!({})));
            Some(reply)
        }
        "tools/list" => Some(listing.list(received)),
        _ => None,
    })
    .await;
    let upstream = upstream(server.address);
    let _running = supervise(&upstream);
    up(&upstream).await;
    let (caller, _events) = legacy_caller();
    upstream
        .request(Via::Shared, &call(&json!({})), &caller)
        .await
        .unwrap();
    state_when(&upstream, |state| lists(state, "v1")).await;
}

#[tokio::test]
async fn death_and_return_are_noticed_and_reported_once() {
    for stream in [true, false] {
        let reports = Reports::collect();
        let answer = move |received: &Received| match received.method() {
            "GET" if stream => {
                let (reply, events) = Reply::stream();
                // Open until the server dies.
                std::mem::forget(events);
                Some(reply)
            }
            _ => None,
        };
        let server = legacy_server(answer).await;
        let address = server.address;
        let upstream = upstream(address);
        let running = supervise(&upstream);
        up(&upstream).await;
        drop(server);
        let down = state_when(&upstream, |state| state.status.is_down()).await;
        assert_eq!(
            names(&down.legacy.as_ref().unwrap().tools),
            ["work"],
            "the last offer stays"
        );
        let Status::Down { cause, .. } = &down.status else {
            unreachable!()
        };
        assert!(!cause.is_empty());
        let (caller, _events) = legacy_caller();
        let refused = upstream.request(Via::Shared, &call(&json!({})), &caller).await;
        assert!(
            matches!(refused, Err(UpstreamError::NotSent { .. })),
            "{refused:?}"
        );
        // Long enough for several attempts.
        eventually("it is tried again and again", || reports.count("still down") >= 3).await;
        let legacy = Legacy::default();
        let again = Server::start_at(address, move |received| {
            answer(received).unwrap_or_else(|| legacy.reply(received))
        })
        .await;
        up(&upstream).await;
        assert_eq!(
            (
                reports.count("An upstream is down"),
                reports.count("An upstream is back")
            ),
            (1, 1)
        );
        assert_eq!(
            reports.count("upstream=\"up\""),
            reports.len(),
            "each report names the upstream"
        );
        assert_eq!(again.count("initialize"), 1);
        drop(running);
    }
}

#[tokio::test]
async fn an_upstream_that_is_dead_from_the_start_is_reported_once_and_found_later() {
    let reports = Reports::collect();
    let server = legacy_server(|_| None).await;
    let address = server.address;
    drop(server);
    eventually("the port is closed", || {
        std::net::TcpStream::connect(address).is_err()
    })
    .await;
    let upstream = upstream(address);
    let _running = supervise(&upstream);
    let state = state_when(&upstream, |state| state.status.is_down()).await;
    assert!(state.legacy.is_none());
    eventually("it is tried again", || reports.count("still down") >= 1).await;
    let legacy = Legacy::default();
    let _server = Server::start_at(address, move |received| legacy.reply(received)).await;
    up(&upstream).await;
    assert_eq!(
        (
            reports.count("An upstream is down"),
            reports.count("An upstream is back")
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn an_upstream_that_stops_answering_is_noticed() {
    let silent = Arc::new(AtomicBool::new(false));
    let mute = Arc::clone(&silent);
    let server = legacy_server(move |_| mute.load(Ordering::SeqCst).then_some(Reply::Silence)).await;
    let upstream = upstream(server.address);
    let _running = supervise(&upstream);
    up(&upstream).await;
    silent.store(true, Ordering::SeqCst);
    state_when(&upstream, |state| state.status.is_down()).await;
    silent.store(false, Ordering::SeqCst);
    up(&upstream).await;
}

#[tokio::test]
async fn a_forgotten_session_is_replaced_without_a_word() {
    let reports = Reports::collect();
    let forgotten = Arc::new(AtomicBool::new(false));
    let forget = Arc::clone(&forgotten);
    let server = legacy_server(move |received| {
        (forget.load(Ordering::SeqCst) && received.session() == Some("session-1")).then(|| Reply::status(404))
    })
    .await;
    let upstream = upstream(server.address);
    let _running = supervise(&upstream);
    up(&upstream).await;
    forgotten.store(true, Ordering::SeqCst);
    eventually("a new session is opened", || server.count("initialize") == 2).await;
    eventually("the lists are read again", || {
        server
            .received("tools/list")
            .iter()
            .any(|list| list.session() == Some("session-2"))
    })
    .await;
    assert!(upstream.state().status.is_up());
    assert_eq!(reports.count("is down"), 0);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_does_not_take_the_others_along() {
    let server = legacy_server(|received| match received.method() {
        "initialize" => {
            let mut result = initialized("2025-11-25");
            result["capabilities"] = json!({ "tools": {}, "prompts": {} });
            Some(Reply::ok(received.result(result)))
        }
        "prompts/list" => Some(Reply::ok(received.error(-32603))),
        _ => None,
    })
    .await;
    let reports = Reports::collect();
    let upstream = upstream(server.address);
    let _running = supervise(&upstream);
    let state = up(&upstream).await;
    assert_eq!(names(&state.legacy.as_ref().unwrap().tools), ["work"]);
    assert_eq!(reports.count("cannot be read"), 1);
}
