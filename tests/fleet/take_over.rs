//! A replica dies; its sessions live on, unchanged.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};

use crate::support::balancer::Policy;
use crate::support::deadline::until_true;
use crate::support::fleet::FleetSettings;
use crate::support::legacy::Session;
use crate::support::mcp::{Endpoint, Exchange, text_of};
use crate::support::session_requests::list_request;
use crate::support::upstream::Upstream;

#[tokio::test]
async fn s10_sessions_of_a_killed_replica_go_on_without_a_new_greeting() {
    let upstream = Upstream::legacy().await;
    for (round, policy) in [Policy::round_robin(), Policy::random(10)]
        .into_iter()
        .enumerate()
    {
        let mut fleet = FleetSettings::in_front_of(&upstream.url())
            .policy(policy)
            .start()
            .await;
        let [a, b, c] = fleet.each();
        let mut sessions = Vec::new();
        for _ in 0..5 {
            let session = Session::open(&a).await;
            let (_, exchange) = session.start_tool("echo", json!({"message": "before"})).await;
            assert_eq!(text_of(&exchange.result().await), "before");
            sessions.push(session);
        }
        fleet.replicas[0].kill();
        let tag = format!("s10 {round}");
        let echo = json!({"message": "after", "tag": tag});
        for session in &sessions {
            for endpoint in [&b, &c, &fleet.entry(), &fleet.entry(), &fleet.entry()] {
                let result = session.at(endpoint).tool("echo", echo.clone()).await;
                assert_eq!(text_of(&result), "after");
            }
        }
        let counts = upstream.counts("echo", &tag).await;
        assert_eq!((counts.started, counts.completed), (25, 25));
        assert!(!fleet.balancer.order().contains(&0));
    }
}

/// What a test can tell about a session at one replica.
#[derive(Debug, PartialEq)]
struct Portrait {
    /// As an upstream sees it that is told everything anew.
    protocol_version: Value,
    client_info: Value,
    client_capabilities: Value,
    /// The log messages that come with a call which says something at each of these levels.
    debug: usize,
    warning: usize,
    error: usize,
    /// What a request that names another revision is answered with.
    other_revision: StatusCode,
    asks: bool,
}

impl Portrait {
    /// The upstream forgets its sessions first, so that the replica must introduce the client by itself.
    async fn of(session: &Session, upstream: &Upstream) -> Self {
        upstream.control("sessions/forget", json!({})).await;
        let mut seen = session.tool("whoami", json!({})).await["structuredContent"].take();
        let mut field = |name: &str| seen[name].take();
        let (protocol_version, client_info) = (field("protocolVersion"), field("clientInfo"));
        let client_capabilities = field("clientCapabilities");
        let mut heard = Vec::new();
        for level in ["debug", "warning", "error"] {
            let arguments = json!({"level": level, "text": "said", "times": 2});
            let (_, call) = session.start_tool("log", arguments).await;
            heard.push(call.finish().await.before.len());
        }
        let mut call = session.endpoint.post(&list_request());
        call = call.header("mcp-session-id", &session.id);
        let other = call.header("mcp-protocol-version", "2025-11-25").send().await;
        Self {
            protocol_version,
            client_info,
            client_capabilities,
            debug: heard[0],
            warning: heard[1],
            error: heard[2],
            other_revision: other.status,
            asks: asks(session).await,
        }
    }
}

/// Whether a question reaches the client, which declines it.
async fn asks(session: &Session) -> bool {
    let (_, mut call) = session.start_tool("ask", json!({"question": "?"})).await;
    let mut asked = false;
    while let Some(message) = call.next().await {
        if message["method"] == "elicitation/create" {
            asked = true;
            let status = session.respond(&message, json!({"action": "decline"})).await;
            assert_eq!(status, StatusCode::ACCEPTED);
        }
    }
    asked
}

fn client() -> Value {
    json!({
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {"elicitation": {}, "roots": {"listChanged": true}, "experimental": {"x": {"y": [1]}}},
            "clientInfo": {"name": "portrayed", "title": "Ünï", "version": "9.8"},
        },
    })
}

async fn portrayed(endpoint: &Endpoint) -> Session {
    let session = Session::greet(endpoint, &client()).await;
    let status = session.notify("notifications/initialized", json!({})).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    session
        .result("logging/setLevel", json!({"level": "warning"}))
        .await;
    session
}

#[tokio::test]
async fn an_9_a_session_is_the_same_after_its_replica_was_killed() {
    let upstream = Upstream::legacy().await;
    let mut fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
    let [a, b, c] = fleet.each();
    let session = portrayed(&a).await;
    let before = Portrait::of(&session, &upstream).await;
    let params = &client()["params"];
    assert_eq!(before.protocol_version, "2025-06-18");
    assert_eq!(before.client_info, params["clientInfo"]);
    assert_eq!(before.client_capabilities, params["capabilities"]);
    assert_eq!((before.debug, before.warning, before.error), (0, 2, 2));
    assert!(before.asks);
    fleet.replicas[0].kill();
    for endpoint in [&b, &c] {
        assert_eq!(Portrait::of(&session.at(endpoint), &upstream).await, before);
    }
    // A session that A alone has ever seen, and without any use of the upstream.
    fleet.replicas[0].restart().await;
    let untouched = portrayed(&a).await;
    fleet.replicas[0].kill();
    assert_eq!(Portrait::of(&untouched.at(&c), &upstream).await, before);
}

#[tokio::test]
async fn an_9_a_stream_keeps_the_form_of_its_revision_after_its_replica_was_killed() {
    let upstream = Upstream::legacy().await;
    let mut fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
    let [a, b, c] = fleet.each();
    let old = Session::open_as(&a, "2025-06-18", json!({})).await;
    let new = Session::open_as(&a, "2025-11-25", json!({})).await;
    let first_events = async |session: Session| {
        let call = json!({"jsonrpc": "2.0", "id": format!("to {}", session.endpoint.address),
            "method": "tools/call", "params": {"name": "sleep", "arguments": {"ms": 700}}});
        let mut events = session.send(&call).await.events();
        let mut empty = 0;
        while let Some(event) = events.next().await {
            empty += usize::from(event.data.unwrap_or_default().is_empty());
        }
        empty
    };
    let before = (first_events(old.at(&a)).await, first_events(new.at(&a)).await);
    assert_eq!(
        before.0, 0,
        "clients of 2025-06-18 stumble over an event without data"
    );
    fleet.replicas[0].kill();
    for endpoint in [&b, &c] {
        let after = (
            first_events(old.at(endpoint)).await,
            first_events(new.at(endpoint)).await,
        );
        assert_eq!(after, before);
    }
}

#[tokio::test]
async fn s10_a_result_of_a_later_replica_is_an_answer_like_any_other() {
    let upstream = Upstream::legacy().await;
    let mut fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
    let [a, b, _] = fleet.each();
    let session = Session::open(&a).await;
    let (_, running) = session
        .start_tool("sleep", json!({"ms": 20_000, "tag": "lost"}))
        .await;
    upstream
        .counts_reach("sleep", "lost", |counts| counts.started == 1)
        .await;
    fleet.replicas[0].kill();
    drop(running);
    // The call that A ran is lost, and is not run again; the next one has its own answer.
    let params = json!({"name": "echo", "arguments": {"message": "next"}});
    let answer = session.at(&b).start(json!("next"), "tools/call", params).await;
    assert_eq!(text_of(&Exchange::result(answer).await), "next");
    assert_eq!(upstream.counts("sleep", "lost").await.started, 1);
}

/// Uses a session until told to stop; returns how many answers there were and how many requests broke.
async fn traffic(session: &Session, stop: &AtomicBool) -> (usize, usize) {
    let call = json!({"jsonrpc": "2.0", "id": "echo", "method": "tools/call",
        "params": {"name": "echo", "arguments": {"message": "on"}}});
    let (mut answered, mut broken) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        match session.post(&call).try_send().await {
            Ok(answer) => {
                assert_eq!(answer.status, StatusCode::OK);
                answered += 1;
            }
            // The replica died with the request in its hands, and nobody may send it again but its client.
            Err(_) => broken += 1,
        }
    }
    (answered, broken)
}

#[tokio::test]
async fn s10_every_replica_is_killed_in_turn_under_traffic_and_no_session_is_lost() {
    let upstream = Upstream::legacy().await;
    let mut fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
    let mut sessions = Vec::new();
    for _ in 0..6 {
        sessions.push(Session::open(&fleet.entry()).await);
    }
    let stop = AtomicBool::new(false);
    let working = join_all(sessions.iter().map(|session| traffic(session, &stop)));
    let killing = async {
        for victim in 0..3 {
            let before = fleet.balancer.order().len();
            until_true("every session is in use", async || {
                fleet.balancer.order().len() > before + 60
            })
            .await;
            fleet.replicas[victim].kill();
            fleet.balancer.until_out(victim).await;
            fleet.replicas[victim].restart().await;
            fleet.balancer.until_in(victim).await;
        }
        stop.store(true, Ordering::Relaxed);
    };
    let (outcomes, ()) = Box::pin(async { tokio::join!(working, killing) }).await;
    for (session, (answered, broken)) in sessions.iter().zip(outcomes) {
        // One at a time is in flight in each session, and there were three deaths.
        assert!(
            answered > 20 && broken <= 3,
            "{answered} answered, {broken} broken"
        );
        let result = session.tool("echo", json!({"message": "after"})).await;
        assert_eq!(text_of(&result), "after");
    }
}
