//! The gateway as a client: one upstream session for one client session, whichever replica uses it.

use std::collections::HashSet;

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};

use crate::support::deadline::until_true;
use crate::support::fleet::{Fleet, FleetSettings};
use crate::support::legacy::Session;
use crate::support::recorder::Recorder;
use crate::support::upstream::Upstream;

/// Capabilities that only the client of a test has: what is opened with them is opened for it.
fn telling() -> Value {
    json!({"roots": {"listChanged": true}, "experimental": {"fleet": {}}})
}

async fn recorded() -> (Recorder, Fleet) {
    let recorder = Recorder::start(r#"{"content":[]}"#).await;
    let fleet = FleetSettings::in_front_of(&recorder.url).start().await;
    (recorder, fleet)
}

/// How many upstream sessions were opened for the client of the test.
fn opened(recorder: &Recorder) -> usize {
    let greetings = recorder.seen_of("initialize");
    greetings
        .iter()
        .filter(|greeting| greeting.body["params"]["capabilities"] == telling())
        .count()
}

/// The upstream sessions in which tools were called.
fn used(recorder: &Recorder) -> HashSet<String> {
    let calls = recorder.seen_of("tools/call");
    let sessions = calls.iter().filter_map(|call| call.session());
    sessions.map(str::to_owned).collect()
}

#[tokio::test]
async fn s11_every_replica_continues_the_same_upstream_session() {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
    let session = Session::open(&fleet.entry()).await;
    let mut sessions = HashSet::new();
    for _ in 0..6 {
        let seen = session.tool("whoami", json!({})).await["structuredContent"].take();
        sessions.insert(seen["sessionId"].to_string());
    }
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    assert_eq!(fleet.balancer.order(), [0, 1, 2, 0, 1, 2, 0, 1]);
}

#[tokio::test]
async fn s11_two_client_sessions_have_two_upstream_sessions() {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
    let mut sessions = HashSet::new();
    for _ in 0..2 {
        let session = Session::open(&fleet.entry()).await;
        for _ in 0..3 {
            let seen = session.tool("whoami", json!({})).await["structuredContent"].take();
            sessions.insert(seen["sessionId"].to_string());
        }
    }
    assert_eq!(sessions.len(), 2, "{sessions:?}");
}

#[tokio::test]
async fn s11_first_calls_at_all_replicas_at_once_open_one_upstream_session() {
    let (recorder, fleet) = recorded().await;
    let each = &fleet.each();
    for round in 1..=5 {
        let session = Session::open_with(&each[0], telling()).await;
        let calls = (0..9).map(async |number: usize| {
            session.at(&each[number % 3]).tool("fixed", json!({})).await;
        });
        join_all(calls).await;
        assert_eq!(
            used(&recorder).len(),
            round,
            "calls of one session are spread over several"
        );
    }
    // Who lost the race to open one has closed what it opened.
    until_true("superfluous upstream sessions are closed", async || {
        let closed = recorder
            .seen()
            .iter()
            .filter(|seen| seen.method == Method::DELETE)
            .count();
        opened(&recorder) - closed == 5
    })
    .await;
}

#[tokio::test]
async fn s11_a_forgotten_upstream_session_is_opened_again_by_one_replica() {
    let (recorder, fleet) = recorded().await;
    let each = &fleet.each();
    let session = Session::open_with(&each[0], telling()).await;
    for endpoint in each {
        session.at(endpoint).tool("fixed", json!({})).await;
    }
    assert_eq!((opened(&recorder), used(&recorder).len()), (1, 1));
    for round in 2..=4 {
        recorder.forget_sessions();
        let calls = (0..9).map(async |number: usize| {
            session.at(&each[number % 3]).tool("fixed", json!({})).await;
        });
        join_all(calls).await;
        assert_eq!(
            used(&recorder).len(),
            round,
            "the replicas do not share the new session"
        );
        assert_eq!(opened(&recorder), round, "more than one replica opened it again");
    }
}
