//! The coordinator is away: requests are refused for a while, and nothing is forgotten.

use std::sync::Arc;

use futures_util::future::join_all;
use http::StatusCode;
use serde_json::json;

use crate::support::deadline::until_true;
use crate::support::fleet::{Fleet, FleetSettings};
use crate::support::http::{Answer, Call};
use crate::support::legacy::{REVISION, Session, initialize};
use crate::support::mcp::{Endpoint, Exchange, text_of};
use crate::support::modern::Client;
use crate::support::redis::Redis;
use crate::support::session_requests::list_request;
use crate::support::upstream::Upstream;

/// A fleet with a coordinator of its own, and sessions that some or all replicas have seen.
struct Scene {
    redis: Arc<Redis>,
    upstream: Upstream,
    fleet: Fleet,
    each: [Endpoint; 3],
    sessions: Vec<Session>,
}

impl Scene {
    async fn begin() -> Self {
        let redis = Arc::new(Redis::durable().await);
        let upstream = Upstream::legacy().await;
        let fleet = FleetSettings::in_front_of(&upstream.url())
            .redis(&redis)
            .start()
            .await;
        let each = fleet.each();
        let mut sessions = Vec::new();
        for opened in &each {
            sessions.push(Session::open(opened).await);
        }
        let warm = Session::open(&each[0]).await;
        for endpoint in &each {
            assert_eq!(
                warm.at(endpoint).send(&list_request()).await.status,
                StatusCode::OK
            );
        }
        sessions.push(warm);
        Self {
            redis,
            upstream,
            fleet,
            each,
            sessions,
        }
    }

    /// Every session at every replica.
    fn requests(&self) -> Vec<Call> {
        let sessions = self.sessions.iter();
        let places = sessions.flat_map(|session| self.each.iter().map(|at| session.at(at)));
        places.map(|session| session.post(&list_request())).collect()
    }

    /// Whether all sessions are refused everywhere; any answer but an honest one is a failure.
    async fn all_refused(&self) -> bool {
        let answers = join_all(self.requests().into_iter().map(Call::send)).await;
        let mut refused = 0;
        for answer in &answers {
            match answer.status {
                // A fresh view still knows the session.
                StatusCode::OK => {}
                StatusCode::SERVICE_UNAVAILABLE => {
                    assert_retry_after(answer);
                    refused += 1;
                }
                other => panic!("an outage is answered with {other}"),
            }
        }
        refused == answers.len()
    }

    /// Whether all sessions are served everywhere.
    async fn all_served(&self) -> bool {
        let answers = join_all(self.requests().into_iter().map(Call::send)).await;
        for answer in &answers {
            let allowed = [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE];
            assert!(
                allowed.contains(&answer.status),
                "after an outage: {}",
                answer.status
            );
        }
        answers.iter().all(|answer| answer.status == StatusCode::OK)
    }

    /// What holds while the coordinator does not answer.
    async fn assert_outage(&self) {
        until_true("every session is refused", async || self.all_refused().await).await;
        for endpoint in &self.each {
            let greeting = endpoint.post(&initialize(REVISION, &json!({}))).send().await;
            assert_eq!(greeting.status, StatusCode::SERVICE_UNAVAILABLE);
            assert_retry_after(&greeting);
            assert_eq!(greeting.header("mcp-session-id"), None);
            let session = self.sessions[0].at(endpoint);
            let deleted = session.headed(endpoint.delete()).send().await;
            assert_eq!(deleted.status, StatusCode::SERVICE_UNAVAILABLE);
            assert_retry_after(&deleted);
            // What needs no coordinator is served.
            let echo = json!({"message": "modern"});
            assert_eq!(text_of(&Client::new(endpoint).tool("echo", echo).await), "modern");
        }
    }

    /// An outage of what all replicas share must not take all of them out of the balancer.
    async fn assert_green(&self) {
        for replica in &self.fleet.replicas {
            assert_eq!(replica.readiness().await, Some(StatusCode::OK));
        }
    }

    /// What holds when it is back: the same sessions, without a restart.
    async fn assert_healed(&self) {
        until_true("every session is served again", async || self.all_served().await).await;
        for session in &self.sessions {
            for endpoint in &self.each {
                let result = session
                    .at(endpoint)
                    .tool("echo", json!({"message": "back"}))
                    .await;
                assert_eq!(text_of(&result), "back");
            }
        }
        let fresh = Session::open(&self.each[0]).await;
        assert!(fresh.at(&self.each[1]).delete().await.is_success());
        assert_eq!(fresh.at(&self.each[2]).delete().await, StatusCode::NOT_FOUND);
    }
}

fn assert_retry_after(answer: &Answer) {
    let seconds = answer
        .header("retry-after")
        .and_then(|value| value.parse::<u64>().ok());
    assert!(
        seconds.is_some(),
        "a 503 without Retry-After: {:?}",
        answer.headers
    );
}

#[tokio::test]
async fn an_22_a_paused_coordinator_means_503_and_the_sessions_survive() {
    let scene = Scene::begin().await;
    scene.redis.freeze();
    scene.assert_outage().await;
    scene.assert_green().await;
    scene.redis.thaw();
    scene.assert_healed().await;
}

#[tokio::test]
async fn an_22_a_killed_coordinator_means_503_and_the_sessions_survive_its_restart() {
    let scene = Scene::begin().await;
    for _ in 0..2 {
        scene.redis.kill();
        scene.assert_outage().await;
        scene.assert_green().await;
        scene.redis.restart().await;
        scene.assert_healed().await;
    }
}

#[tokio::test]
async fn an_22_calls_that_ran_get_their_results_through_an_outage() {
    let scene = Scene::begin().await;
    let session = scene.sessions[0].at(&scene.each[1]);
    let call = |id: &str| {
        let arguments = json!({"ms": 3000, "tag": id});
        let params = json!({"name": "sleep", "arguments": arguments});
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
    };
    let begun = async |tag: &str| {
        let upstream = &scene.upstream;
        upstream
            .counts_reach("sleep", tag, |counts| counts.started == 1)
            .await;
    };
    // One is answered on a stream that began before the outage, the other has no answer of any kind yet.
    let streaming = Exchange::new(session.send(&call("streaming")).await);
    assert!(streaming.streamed);
    let silent = tokio::spawn(session.post(&call("silent")).send());
    begun("silent").await;
    scene.redis.freeze();
    assert_eq!(text_of(&streaming.result().await), "slept 3000 ms");
    let silent = Exchange::new(silent.await.unwrap());
    assert_eq!(text_of(&silent.result().await), "slept 3000 ms");
    scene.redis.thaw();
    scene.assert_healed().await;
    for tag in ["streaming", "silent"] {
        let counts = scene.upstream.counts("sleep", tag).await;
        assert_eq!((counts.started, counts.completed), (1, 1), "{tag}");
    }
}

#[tokio::test]
async fn an_22_s6_a_replica_cut_from_the_coordinator_says_503_and_never_404() {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url())
        .breakable_network()
        .start()
        .await;
    let [a, b, _] = &fleet.each();
    let session = Session::open(a).await;
    let network = fleet.replicas[1].network();
    for round in 0..2 {
        if round == 0 {
            network.cut().await;
        } else {
            network.blackhole().await;
        }
        until_true("B refuses the session", async || {
            let answer = session.at(b).send(&list_request()).await;
            match answer.status {
                StatusCode::OK => false,
                StatusCode::SERVICE_UNAVAILABLE => {
                    assert_retry_after(&answer);
                    true
                }
                other => panic!("an outage is answered with {other}"),
            }
        })
        .await;
        assert_eq!(text_of(&session.tool("echo", json!({"message": "A"})).await), "A");
        network.ok().await;
        until_true("B serves the session", async || {
            let status = session.at(b).send(&list_request()).await.status;
            let allowed = [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE];
            assert!(allowed.contains(&status), "{status}");
            status == StatusCode::OK
        })
        .await;
    }
}

/// A coordinator that lost everything takes the sessions with it, and nothing else: not what replicas agree on.
#[tokio::test]
async fn an_22_a_coordinator_that_lost_its_data_is_one_server_again_with_a_replica_that_starts_then() {
    let redis = Arc::new(Redis::in_memory().await);
    let upstream = Upstream::legacy().await;
    let mut fleet = FleetSettings::in_front_of(&upstream.url())
        .redis(&redis)
        .start()
        .await;
    let each = fleet.each();
    let lost = Session::open(&each[0]).await;
    redis.kill();
    redis.restart().await;
    for at in &each {
        until_true("the session that was lost is unknown", async || {
            lost.at(at).send(&list_request()).await.status == StatusCode::NOT_FOUND
        })
        .await;
    }
    fleet.replicas[0].kill();
    fleet.replicas[0].restart().await;
    for opened in &each {
        until_true("a new session is known everywhere", async || {
            let session = Session::open(opened).await;
            let mut known = true;
            for at in &each {
                known &= session.at(at).send(&list_request()).await.status == StatusCode::OK;
            }
            known
        })
        .await;
    }
}
