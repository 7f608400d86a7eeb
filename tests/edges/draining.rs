//! SIGTERM: a replica tells first that it goes, serves on, refuses, finishes, and gives back what it holds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::deadline::{PATIENCE, until, until_true};
use crate::support::fleet::FleetSettings;
use crate::support::gateway::Settings;
use crate::support::http::Call;
use crate::support::legacy::Session;
use crate::support::mcp::{Endpoint, text_of};
use crate::support::modern::Client;
use crate::support::redis::{Monitor, Redis};
use crate::support::upstream::Upstream;

const DELAY: Duration = Duration::from_secs(2);

fn delay_ms() -> u64 {
    u64::try_from(DELAY.as_millis()).unwrap()
}

/// A connection that is kept, as a pool keeps it.
struct Kept(SendRequest<Full<Bytes>>);

struct Said {
    status: StatusCode,
    closes: bool,
    retry_after: bool,
    body: String,
}

impl Kept {
    async fn open(endpoint: &Endpoint) -> Self {
        let stream = TcpStream::connect(endpoint.address).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    /// One request on this connection; `None` when the connection is closed instead of an answer.
    async fn list(&mut self, endpoint: &Endpoint) -> Option<Said> {
        let client = Client::new(endpoint);
        let body = client
            .message(&json!("kept"), "tools/list", json!({}))
            .to_string();
        let request = Request::post(&endpoint.path)
            .header("host", endpoint.address.to_string())
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .header("mcp-protocol-version", crate::support::modern::REVISION)
            .header("mcp-method", "tools/list")
            .body(Full::from(body))
            .unwrap();
        self.0.ready().await.ok()?;
        let answer = self.0.send_request(request).await.ok()?;
        let (head, body) = answer.into_parts();
        let named = |name: &str| head.headers.get(name).is_some();
        Some(Said {
            status: head.status,
            closes: head
                .headers
                .get("connection")
                .is_some_and(|value| value == "close"),
            retry_after: named("retry-after"),
            body: String::from_utf8(body.collect().await.ok()?.to_bytes().to_vec()).unwrap(),
        })
    }
}

async fn readiness(admin: std::net::SocketAddr) -> (StatusCode, Value) {
    let answer = Call::new(Method::GET, admin, "/ready").send().await;
    (answer.status, answer.json().await)
}

#[tokio::test]
async fn an_21_a_told_replica_is_red_while_it_serves_then_refuses_then_finishes() {
    let upstream = Upstream::legacy().await;
    let mut fleet = FleetSettings::in_front_of(&upstream.url())
        .server("drain_delay_ms", delay_ms())
        .start()
        .await;
    let [a, b, _] = &fleet.each();
    let session = Session::open(a).await;
    let mut pooled = Kept::open(a).await;
    let before = pooled.list(a).await.unwrap();
    assert!(before.status == StatusCode::OK && !before.closes);
    // One for each look after the end of the delay: each is good for one answer.
    let mut idle = Vec::new();
    for _ in 0..60 {
        idle.push(Kept::open(a).await);
    }
    let (_, call) = session
        .start_tool("sleep", json!({"ms": 6000, "tag": "last"}))
        .await;
    upstream
        .counts_reach("sleep", "last", |counts| counts.started == 1)
        .await;
    let told = Instant::now();
    fleet.replicas[0].program.terminate();
    until_true("the told replica is red", async || {
        readiness(fleet.replicas[0].admin).await.0 == StatusCode::SERVICE_UNAVAILABLE
    })
    .await;
    // It serves: who has a connection, who opens one, who begins a session.
    let during = pooled.list(a).await.unwrap();
    assert!(
        during.status == StatusCode::OK && during.closes,
        "{}",
        during.body
    );
    assert!(pooled.list(a).await.is_none(), "the connection was let go");
    let begun = Session::open(a).await;
    assert_eq!(
        text_of(&begun.tool("echo", json!({"message": "new"})).await),
        "new"
    );
    until_true("the listener is closed", async || {
        TcpStream::connect(a.address).await.is_err()
    })
    .await;
    assert!(
        told.elapsed() >= DELAY,
        "new work was served for {:?}",
        told.elapsed()
    );
    // What arrives on an open connection is refused in words that a client understands.
    let refused = until("a refusal on an open connection", PATIENCE, async || {
        let said = idle.pop().expect("refused before the last one").list(a).await?;
        (said.status != StatusCode::OK).then_some(said)
    })
    .await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.retry_after && refused.closes, "{}", refused.body);
    assert!(
        refused.body.contains("this replica is stopping"),
        "{}",
        refused.body
    );
    // The call that runs is waited for, and the listener for operators answers for as long.
    let (status, ready) = readiness(fleet.replicas[0].admin).await;
    assert_eq!(
        (status, &ready["ready"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!(false))
    );
    assert_eq!(text_of(&call.result().await), "slept 6000 ms");
    let status = fleet.replicas[0].program.exit(Duration::from_secs(20)).await;
    assert_eq!(status.code(), Some(0), "{}", fleet.replicas[0].program.output());
    for session in [session, begun] {
        let on = session.at(b).tool("echo", json!({"message": "on"})).await;
        assert_eq!(text_of(&on), "on");
    }
}

#[tokio::test]
async fn an_21_what_a_replica_holds_is_given_back_in_order() {
    let redis = Arc::new(Redis::in_memory().await);
    let settings = |node: &str| {
        // Long enough that nobody could wait for its end.
        let mut cluster = redis.cluster("p:", node);
        cluster["lease_ttl_ms"] = json!(120_000);
        let settings = Settings::new().mock_tool("greet", "hello").operators();
        redis
            .settings(settings, "p:", node)
            .server("drain_delay_ms", 0)
            .block("cluster", cluster)
    };
    let mut a = settings("a").start().await;
    let b = settings("b").start().await;
    let session = Session::open(&a.endpoint).await;
    let monitor = Monitor::of(&redis).await;
    a.program.terminate();
    let status = a.program.exit(Duration::from_secs(20)).await;
    assert_eq!(status.code(), Some(0), "{}", a.program.output());
    let seen = monitor.seen(&redis).await;
    let lease = seen.iter().find_map(|line| line.split_once("lease:replica/a/"));
    let boot = &lease.expect("the lease is released").1[..16];
    let own: Vec<&String> = seen.iter().filter(|line| line.contains(boot)).collect();
    let last = |part: &str| {
        let at = own.iter().rposition(|line| line.contains(part));
        at.unwrap_or_else(|| panic!("nothing of {part}: {own:?}"))
    };
    let order = [last("lease:replica/a/"), last("}peer:"), last("hb/")];
    assert!(order.is_sorted(), "{own:?}");
    assert_eq!(
        order[2],
        own.len() - 1,
        "something comes after the heartbeat: {own:?}"
    );
    // Nothing is left to run out: of the two replicas one is there.
    for (pattern, count) in [
        ("lease:replica/a/*", 0),
        ("lease:replica/b/*", 1),
        ("value:4:feed*hb/*", 1),
    ] {
        let count_keys = format!("EVAL \"return #redis.call('keys', '*}}{pattern}')\" 0");
        assert_eq!(redis.command(&count_keys).await, format!(":{count}"), "{pattern}");
    }
    // The name is free at once, and the session was never tied to it.
    let again = settings("a").start().await;
    for endpoint in [&b.endpoint, &again.endpoint] {
        let result = session.at(endpoint).tool("greet", json!({})).await;
        assert_eq!(text_of(&result), "hello");
    }
}

#[tokio::test]
async fn a_second_signal_ends_the_delay_and_a_third_one_the_waiting() {
    let tool = json!({"delay_ms": 3_600_000});
    let mut gateway = Settings::new()
        .mock_tool_with("slow", "done", tool)
        .server("request_timeout_ms", 3_600_000)
        .server("drain_delay_ms", 3_600_000)
        .server("shutdown_timeout_ms", 3_600_000)
        .operators()
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let (_id, _running) = session.start_tool("slow", json!({})).await;
    gateway.program.terminate();
    until_true("the delay has begun", async || {
        gateway.program.output().contains("still serving")
    })
    .await;
    assert_eq!(Session::open(&gateway.endpoint).await.revision, session.revision);
    gateway.program.terminate();
    until_true("the listener is closed", async || {
        TcpStream::connect(gateway.endpoint.address).await.is_err()
    })
    .await;
    assert!(gateway.program.ended().is_none(), "the call was not waited for");
    gateway.program.terminate();
    let status = gateway.program.exit(Duration::from_secs(20)).await;
    assert_eq!(status.code(), Some(0), "{}", gateway.program.output());
}

#[tokio::test]
async fn ctrl_c_and_a_gateway_that_nobody_watches_do_not_wait() {
    let settings = Settings::new()
        .mock_tool("greet", "hello")
        .server("drain_delay_ms", 3_600_000);
    let mut watched = settings.clone().operators().start().await;
    watched.program.interrupt();
    let mut unwatched = settings.start().await;
    unwatched.program.terminate();
    for gateway in [&mut watched, &mut unwatched] {
        let status = gateway.program.exit(Duration::from_secs(20)).await;
        assert_eq!(status.code(), Some(0), "{}", gateway.program.output());
    }
}
