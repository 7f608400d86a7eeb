//! Replicas are stopped and started again, one after the other, while clients work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};

use crate::support::balancer::{Outcome, Policy};
use crate::support::deadline::until_true;
use crate::support::fleet::{Fleet, FleetSettings};
use crate::support::http::Call;
use crate::support::legacy::Session;
use crate::support::mcp::{Endpoint, Exchange, text_of};
use crate::support::modern::Client;
use crate::support::upstream::Upstream;

/// Time for the balancer, which looks every 50 ms, also on a busy machine.
const DELAY_MS: u64 = 1500;

/// What one client has seen.
#[derive(Debug, Default)]
struct Tally {
    answered: usize,
    failed: Vec<String>,
}

impl Tally {
    /// Sends one request and notes whether it has the answer that it should have.
    async fn send(&mut self, call: Call, expected: &str) {
        match call.try_send().await {
            Ok(answer) if answer.status == StatusCode::OK => {
                let response = Exchange::new(answer).response().await;
                if response["result"]["content"][0]["text"] == expected {
                    self.answered += 1;
                } else {
                    self.failed.push(response.to_string());
                }
            }
            Ok(answer) => {
                let status = answer.status;
                self.failed.push(format!("{status} {}", answer.text().await));
            }
            Err(error) => self.failed.push(error.to_string()),
        }
    }
}

/// Tools that answer at once, and one whose answer becomes a stream on the way.
fn calls() -> [(&'static str, Value, &'static str); 2] {
    [
        ("echo", json!({"message": "on"}), "on"),
        ("sleep", json!({"ms": 400}), "slept 400 ms"),
    ]
}

async fn legacy_traffic(session: &Session, stop: &AtomicBool) -> Tally {
    let mut tally = Tally::default();
    for number in 0_u64.. {
        for (name, arguments, expected) in calls() {
            let params = json!({"name": name, "arguments": arguments});
            let id = format!("{name} {number}");
            let message = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
            tally.send(session.post(&message), expected).await;
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    tally
}

async fn modern_traffic(entry: &Endpoint, stop: &AtomicBool) -> Tally {
    let client = Client::new(entry);
    let mut tally = Tally::default();
    while !stop.load(Ordering::Relaxed) {
        for (name, arguments, expected) in calls() {
            let params = json!({"name": name, "arguments": arguments});
            tally
                .send(client.post(&json!("m"), "tools/call", params), expected)
                .await;
        }
    }
    tally
}

/// Lets clients work while `trouble` happens to the fleet; returns what they saw, sessions first.
async fn under_load(
    fleet: &mut Fleet,
    sessions: &[Session],
    trouble: impl AsyncFnOnce(&mut Fleet),
) -> Vec<Tally> {
    let entry = fleet.entry();
    let stop = AtomicBool::new(false);
    let legacy = join_all(sessions.iter().map(|session| legacy_traffic(session, &stop)));
    let modern = join_all((0..2).map(|_| modern_traffic(&entry, &stop)));
    let trouble = async {
        trouble(fleet).await;
        stop.store(true, Ordering::Relaxed);
    };
    let (mut tallies, more, ()) = Box::pin(async { tokio::join!(legacy, modern, trouble) }).await;
    tallies.extend(more);
    tallies
}

async fn start(upstream: &Upstream, policy: Policy) -> (Fleet, Vec<Session>) {
    let fleet = FleetSettings::in_front_of(&upstream.url())
        .policy(policy)
        .server("drain_delay_ms", DELAY_MS)
        .start()
        .await;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(Session::open(&fleet.entry()).await);
    }
    (fleet, sessions)
}

/// Waits until requests are in the hands of a replica.
async fn until_busy(fleet: &Fleet, replica: usize) {
    let from = fleet.balancer.served().len();
    until_true("the replica works", async || {
        let served = fleet.balancer.served();
        served[from..].iter().any(|served| {
            served.replica == Some(replica)
                && matches!(served.outcome, Outcome::Waiting | Outcome::Streaming(_))
        })
    })
    .await;
}

#[tokio::test]
async fn an_21_a_rolling_restart_under_load_fails_no_request_and_loses_no_session() {
    let upstream = Upstream::start().await;
    for policy in [Policy::round_robin(), Policy::random(21)] {
        let (mut fleet, sessions) = start(&upstream, policy).await;
        let tallies = under_load(&mut fleet, &sessions, async |fleet| {
            for replica in 0..3 {
                until_busy(fleet, replica).await;
                fleet.replicas[replica].program.terminate();
                let status = fleet.replicas[replica]
                    .program
                    .exit(Duration::from_secs(30))
                    .await;
                assert_eq!(
                    status.code(),
                    Some(0),
                    "{}",
                    fleet.replicas[replica].program.output()
                );
                fleet.replicas[replica].restart().await;
                fleet.balancer.until_in(replica).await;
            }
        })
        .await;
        for tally in tallies {
            assert!(tally.failed.is_empty() && tally.answered > 3, "{tally:?}");
        }
        for session in &sessions {
            for endpoint in &fleet.each() {
                let result = session
                    .at(endpoint)
                    .tool("echo", json!({"message": "after"}))
                    .await;
                assert_eq!(text_of(&result), "after");
            }
        }
    }
}

/// The load notices a replica that does not drain.
#[tokio::test]
async fn an_21_a_killed_replica_under_load_does_fail_requests() {
    let upstream = Upstream::start().await;
    let (mut fleet, sessions) = start(&upstream, Policy::round_robin()).await;
    let tallies = under_load(&mut fleet, &sessions, async |fleet| {
        until_busy(fleet, 1).await;
        fleet.replicas[1].kill();
        fleet.balancer.until_out(1).await;
    })
    .await;
    let failed: usize = tallies.iter().map(|tally| tally.failed.len()).sum();
    assert!(failed > 0, "{tallies:?}");
}
