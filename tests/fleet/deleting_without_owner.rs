//! A DELETE while the replica that runs the session's call cannot take part: paused, dead, or cut off.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::deadline::{until_true, within};
use crate::support::fleet::{Fleet, FleetSettings, OPERATION, VIEW};
use crate::support::http::Call;
use crate::support::legacy::{REVISION, Session};
use crate::support::mcp::{Endpoint, Exchange};
use crate::support::session_requests::{assert_all_not_found, list_request};
use crate::support::upstream::Upstream;

/// A call that A runs in a session which all replicas have seen.
struct Scene {
    upstream: Upstream,
    fleet: Fleet,
    each: [Endpoint; 3],
    session: Session,
    call: Exchange,
}

impl Scene {
    async fn begin() -> Self {
        let upstream = Upstream::legacy().await;
        let fleet = FleetSettings::in_front_of(&upstream.url())
            .breakable_network()
            .start()
            .await;
        let each = fleet.each();
        let session = Session::open(&each[0]).await;
        for endpoint in each.iter().chain(&each) {
            let status = session.at(endpoint).send(&list_request()).await.status;
            assert_eq!(status, StatusCode::OK);
        }
        let arguments = json!({"ms": 25_000, "tag": "owned"});
        let (_, call) = session.start_tool("sleep", arguments).await;
        upstream
            .counts_reach("sleep", "owned", |counts| counts.started == 1)
            .await;
        Self {
            upstream,
            fleet,
            each,
            session,
            call,
        }
    }

    /// Deletes the session at B, within the bound, and checks that B and C have forgotten it.
    async fn delete_at_b(&self) {
        let began = Instant::now();
        let status = self.session.at(&self.each[1]).delete().await;
        let took = began.elapsed();
        assert!(status.is_success(), "{status} after {took:?}");
        let limit = VIEW.mul_f64(1.25) + OPERATION;
        assert!(took <= limit, "{took:?} is more than {limit:?}");
        for endpoint in &self.each[1..] {
            assert_all_not_found(endpoint, &self.session.id).await;
        }
    }

    /// A request to A in the deleted session, ready to be sent.
    fn request_at_a(&self) -> Call {
        self.session.at(&self.each[0]).post(&list_request())
    }

    /// Connections to A on which a request in the deleted session is written, whether or not A reads it.
    async fn requests_that_wait_at_a(&self) -> Vec<TcpStream> {
        let body = list_request().to_string();
        let request = format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\nmcp-session-id: {}\r\nmcp-protocol-version: {REVISION}\r\n\
             accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.each[0].path,
            self.each[0].address,
            self.session.id,
            body.len()
        );
        let mut waiting = Vec::new();
        for _ in 0..5 {
            let mut stream = TcpStream::connect(self.each[0].address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            waiting.push(stream);
        }
        waiting
    }

    /// A has learned of the DELETE: the call is aborted, its stream ended, the session unknown.
    async fn a_has_learned(&mut self) {
        self.upstream
            .counts_reach("sleep", "owned", |counts| counts.cancelled == 1)
            .await;
        while let Some(message) = self.call.next().await {
            assert!(message.get("result").is_none(), "{message}");
        }
        until_true("A knows that the session is gone", async || {
            let status = self.request_at_a().send().await.status;
            assert_ne!(status, StatusCode::OK, "a deleted session is served");
            status == StatusCode::NOT_FOUND
        })
        .await;
        assert_all_not_found(&self.each[0], &self.session.id).await;
    }
}

/// The status codes that come back on these connections.
async fn statuses(connections: Vec<TcpStream>) -> Vec<String> {
    let reading = connections.into_iter().map(async |mut stream| {
        let mut line = [0; "HTTP/1.1 200".len()];
        let read = within("a status line", stream.read_exact(&mut line)).await;
        read.expect("the request is answered");
        String::from_utf8_lossy(&line["HTTP/1.1 ".len()..]).into_owned()
    });
    join_all(reading).await
}

/// A woken replica serves nothing that was deleted. It may need a moment to reach the coordinator again.
fn assert_not_served(statuses: &[String]) {
    let honest = |status: &String| status == "404" || status == "503";
    assert!(
        statuses.iter().all(honest),
        "a woken replica answers {statuses:?}"
    );
}

#[tokio::test]
async fn sb_2_a_delete_does_not_wait_for_a_paused_owner() {
    let mut scene = Scene::begin().await;
    scene.fleet.replicas[0].program.pause();
    scene.delete_at_b().await;
    // These arrive after the DELETE was answered, and before A can have read anything about it.
    let waiting = scene.requests_that_wait_at_a().await;
    scene.fleet.replicas[0].program.resume();
    assert_not_served(&statuses(waiting).await);
    scene.a_has_learned().await;
}

#[tokio::test]
async fn sb_2_a_delete_does_not_wait_for_an_owner_paused_for_long() {
    let mut scene = Scene::begin().await;
    scene.fleet.replicas[0].program.pause();
    scene.delete_at_b().await;
    // Longer than any lease, view or invalidation of these settings lives.
    let paused = Instant::now();
    until_true("a long pause", async || {
        paused.elapsed() > Duration::from_secs(12)
    })
    .await;
    let waiting = scene.requests_that_wait_at_a().await;
    scene.fleet.replicas[0].program.resume();
    assert_not_served(&statuses(waiting).await);
    scene.a_has_learned().await;
}

#[tokio::test]
async fn sb_2_a_delete_does_not_wait_for_a_dead_owner() {
    let mut scene = Scene::begin().await;
    scene.fleet.replicas[0].kill();
    scene.delete_at_b().await;
    // The upstream session is closed by those who are left, and its call ends with it.
    scene
        .upstream
        .counts_reach("sleep", "owned", |counts| counts.cancelled == 1)
        .await;
    scene.fleet.replicas[0].restart().await;
    assert_all_not_found(&scene.each[0], &scene.session.id).await;
}

#[tokio::test]
async fn sb_2_a_delete_does_not_wait_for_an_owner_cut_from_the_coordinator() {
    for silent in [false, true] {
        let mut scene = Scene::begin().await;
        let network = scene.fleet.replicas[0].network();
        match silent {
            true => network.blackhole().await,
            false => network.cut().await,
        }
        scene.delete_at_b().await;
        // It cannot know that the session is gone, so it says that it cannot say.
        let answers = join_all((0..5).map(|_| scene.request_at_a().send())).await;
        for answer in answers {
            let status = answer.status;
            let allowed = [StatusCode::NOT_FOUND, StatusCode::SERVICE_UNAVAILABLE];
            assert!(allowed.contains(&status), "a cut off replica answers {status}");
        }
        scene.fleet.replicas[0].network().ok().await;
        scene.a_has_learned().await;
    }
}
