//! What replicas count of each other and of the coordinator.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use crate::support::deadline::{until, until_true};
use crate::support::fleet::{Fleet, FleetSettings, VIEW};
use crate::support::gateway::Settings;
use crate::support::legacy::{Session, initialize};
use crate::support::metrics::Scrape;
use crate::support::upstream::Upstream;

async fn fleet(settings: Settings) -> Fleet {
    FleetSettings::new(settings.metrics()).start().await
}

async fn scrapes(fleet: &Fleet) -> Vec<Scrape> {
    let mut scrapes = Vec::new();
    for replica in &fleet.replicas {
        scrapes.push(Scrape::of(replica.admin).await);
    }
    scrapes
}

/// The values of a time series on A, B and C.
fn values(scrapes: &[Scrape], series: &str) -> Vec<f64> {
    scrapes.iter().map(|scrape| scrape.value(series)).collect()
}

#[tokio::test]
async fn sessions_and_requests_of_three_replicas_add_up_to_the_script() {
    let upstream = Upstream::legacy().await;
    let fleet = fleet(Settings::in_front_of(&upstream.url())).await;
    let [a, b, c] = fleet.each();
    let mut sessions = Vec::new();
    for endpoint in [&a, &a, &b, &c] {
        sessions.push(Session::open(endpoint).await);
    }
    for session in &sessions {
        for endpoint in [&a, &b, &c] {
            session.at(endpoint).tool("echo", json!({"message": "x"})).await;
        }
    }
    // Each session is closed by another replica than the one that opened it; once more changes nothing.
    for (session, endpoint) in sessions.iter().take(3).zip([&b, &c, &a]) {
        assert!(session.at(endpoint).delete().await.is_success());
        assert_eq!(session.at(&a).delete().await, StatusCode::NOT_FOUND);
    }
    let scrapes = scrapes(&fleet).await;
    assert_eq!(values(&scrapes, "mcpg_sessions_created_total"), [2.0, 1.0, 1.0]);
    let deleted = "mcpg_sessions_closed_total{reason=\"deleted\"}";
    assert_eq!(values(&scrapes, deleted), [1.0, 1.0, 1.0]);
    assert_eq!(values(&scrapes, "mcpg_sessions_minted_here"), [0.0, 0.0, 1.0]);
    let calls = "mcpg_requests_total{method=\"tools/call\",era=\"legacy\",outcome=\"ok\"}";
    assert_eq!(values(&scrapes, calls), [4.0, 4.0, 4.0]);
    let forwarded = "mcpg_upstream_requests_total{upstream=\"one\",outcome=\"ok\"}";
    assert_eq!(values(&scrapes, forwarded), [4.0, 4.0, 4.0]);
    // Each client session has one upstream session, opened where its first call was executed.
    let opened = values(&scrapes, "mcpg_upstream_sessions_opened_total{upstream=\"one\"}");
    assert_eq!(opened, [4.0, 0.0, 0.0]);
    assert_eq!(
        values(&scrapes, "mcpg_upstream_up{upstream=\"one\",era=\"legacy\"}"),
        [1.0; 3]
    );
    assert_eq!(
        values(&scrapes, "mcpg_upstream_up{upstream=\"one\",era=\"modern\"}"),
        [0.0; 3]
    );
}

#[tokio::test]
async fn views_leases_and_the_leader_are_shown_and_operations_counted_by_result() {
    let fleet = fleet(Settings::new().mock_tool("quick", "done")).await;
    let one_leads = until("one replica leads", Duration::from_secs(30), async || {
        let scrapes = scrapes(&fleet).await;
        let leads: f64 = values(&scrapes, "mcpg_leader").iter().sum();
        let fresh = values(&scrapes, "mcpg_view_fresh") == [1.0; 3];
        (leads > 0.0 && fresh).then_some(scrapes)
    })
    .await;
    let elected: f64 = values(&one_leads, "mcpg_take_overs_total{what=\"leadership\"}")
        .iter()
        .sum();
    assert!(elected >= 1.0);
    assert_eq!(values(&one_leads, "mcpg_replica_lease_held"), [1.0; 3]);
    for age in values(&one_leads, "mcpg_view_age_seconds") {
        assert!(age <= VIEW.as_secs_f64(), "a fresh view is no older: {age}");
    }
    let puts = |scrape: &Scrape| {
        scrape.sum(
            "mcpg_coordinator_operations_total",
            "operation=\"put\",result=\"ok\"",
        )
    };
    let before = scrapes(&fleet).await;
    for scrape in &before {
        assert!(puts(scrape) > 0.0, "each replica has noted itself");
        let counted = scrape.sum("mcpg_coordinator_operations_total", "");
        let observed = scrape.sum("mcpg_coordinator_operation_duration_seconds_count", "");
        // A heart may have beaten between the two.
        assert!((counted - observed).abs() <= 2.0, "{counted} {observed}");
    }
}

#[tokio::test]
async fn a_coordinator_that_is_away_is_shown_and_so_is_its_return() {
    let redis = std::sync::Arc::new(crate::support::redis::Redis::durable().await);
    let settings = Settings::new().mock_tool("quick", "done").metrics();
    let fleet = FleetSettings::new(settings).redis(&redis).start().await;
    let operators = fleet.replicas[0].admin;
    redis.kill();
    until_true("the outage is shown", async || {
        let scrape = Scrape::of(operators).await;
        scrape.value("mcpg_coordinator_up") == 0.0
            && scrape.value("mcpg_view_fresh") == 0.0
            && scrape.sum("mcpg_coordinator_operations_total", "result=\"unavailable\"") > 0.0
    })
    .await;
    let greeting = initialize("2025-11-25", &json!({}));
    let refused = fleet.each()[0].post(&greeting).send().await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    let unavailable = "mcpg_requests_total{method=\"initialize\",era=\"legacy\",outcome=\"unavailable\"}";
    assert_eq!(
        Scrape::of(operators).await.value(unavailable).to_bits(),
        1.0_f64.to_bits()
    );
    redis.restart().await;
    until_true("the return is shown", async || {
        let scrape = Scrape::of(operators).await;
        scrape.value("mcpg_coordinator_up") == 1.0
            && scrape.value("mcpg_view_fresh") == 1.0
            && scrape.value("mcpg_coordinator_reconnects_total") >= 1.0
    })
    .await;
    assert_eq!(
        Scrape::of(operators)
            .await
            .value("mcpg_coordinator_data_losses_total")
            .to_bits(),
        0
    );
}

#[tokio::test]
async fn the_calls_of_a_replica_that_died_are_taken_over_once() {
    let upstream = Upstream::legacy().await;
    let settings = Settings::in_front_of(&upstream.url());
    // The leader looks for what dead replicas left once in a quarter of this.
    let mut fleet = fleet(settings.server("session_idle_timeout_ms", 20_000)).await;
    let session = Session::open(&fleet.each()[0]).await;
    let mut calls = Vec::new();
    for tag in ["one", "two"] {
        let (_, call) = session
            .start_tool("sleep", json!({"ms": 60_000, "tag": tag}))
            .await;
        assert!(call.streamed, "a call that other replicas can find");
        calls.push(call);
    }
    fleet.replicas[0].kill();
    let taken = "mcpg_take_overs_total{what=\"call\"}";
    let left = [fleet.replicas[1].admin, fleet.replicas[2].admin];
    until_true("both calls are ended", async || {
        let mut count = 0.0;
        for operators in left {
            count += Scrape::of(operators).await.value(taken);
        }
        assert!(count <= 2.0, "none is ended twice");
        count == 2.0
    })
    .await;
}
