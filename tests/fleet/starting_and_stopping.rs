//! What a replica tells the balancer: not before it serves, and no longer when it stops.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use crate::support::deadline::{PATIENCE, poll, until_true};
use crate::support::fleet::{FleetSettings, shared_redis};
use crate::support::gateway::Settings;
use crate::support::legacy::{REVISION, Session, initialize};
use crate::support::mcp::text_of;
use crate::support::ports::free_address;
use crate::support::upstream::Upstream;

#[tokio::test]
async fn a_replica_is_red_until_it_serves() {
    let redis = shared_redis().await;
    let settings = Settings::new().mock_tool("hello", "hi");
    let mut replica = FleetSettings::new(settings).launch_one(redis.address);
    // From the first answer on it must be honest; nobody listens before.
    let served = poll(PATIENCE, async || match replica.readiness().await {
        Some(StatusCode::OK) => {
            let greeting = replica.endpoint.post(&initialize(REVISION, &json!({})));
            let answer = greeting.try_send().await;
            Some(answer.ok().map(|answer| answer.status))
        }
        Some(StatusCode::SERVICE_UNAVAILABLE) | None => None,
        Some(other) => panic!("readiness is {other}"),
    });
    assert_eq!(served.await, Some(Some(StatusCode::OK)), "green before it serves");
    assert_eq!(replica.program.ended(), None);
}

#[tokio::test]
async fn a_replica_without_its_coordinator_is_never_green() {
    let settings = Settings::new().mock_tool("hello", "hi");
    let nobody = free_address();
    let mut replica = FleetSettings::new(settings).launch_one(nobody);
    // It says why: by ending with the reason, or by staying red with the reason in its log.
    until_true("the replica names the coordinator as the reason", async || {
        let readiness = replica.readiness().await;
        assert_ne!(readiness, Some(StatusCode::OK), "green without a coordinator");
        replica.program.output().contains(&nobody.to_string())
    })
    .await;
    if let Some(status) = replica.program.ended() {
        assert!(!status.success(), "{status}");
    }
}

#[tokio::test]
async fn a_stopping_replica_is_red_and_finishes_its_call() {
    let upstream = Upstream::legacy().await;
    let mut fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
    let [a, b, _] = &fleet.each();
    let session = Session::open(a).await;
    let (_, call) = session
        .start_tool("sleep", json!({"ms": 4000, "tag": "last"}))
        .await;
    upstream
        .counts_reach("sleep", "last", |counts| counts.started == 1)
        .await;
    fleet.replicas[0].program.terminate();
    until_true("the stopping replica is red", async || {
        fleet.replicas[0].readiness().await == Some(StatusCode::SERVICE_UNAVAILABLE)
    })
    .await;
    fleet.balancer.until_out(0).await;
    assert_eq!(text_of(&call.result().await), "slept 4000 ms");
    let status = fleet.replicas[0].program.exit(Duration::from_secs(20)).await;
    assert_eq!(status.code(), Some(0), "{}", fleet.replicas[0].program.output());
    // The others were never asked to stop, and have the session.
    for endpoint in [b, &fleet.entry(), &fleet.entry()] {
        let result = session.at(endpoint).tool("echo", json!({"message": "on"})).await;
        assert_eq!(text_of(&result), "on");
    }
}
