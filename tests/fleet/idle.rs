//! How long a session lives: as long as any replica sees it in use, and not much longer.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::json;

use crate::support::deadline::until_true;
use crate::support::fleet::{Fleet, FleetSettings, VIEW};
use crate::support::gateway::Settings;
use crate::support::legacy::Session;
use crate::support::plugins;
use crate::support::session_requests::{assert_all_not_found, list_request};

const IDLE: Duration = Duration::from_secs(2);

async fn fleet() -> Fleet {
    let settings = Settings::new().mock_tool("hello", "hi");
    let idle = u64::try_from(IDLE.as_millis()).unwrap();
    FleetSettings::new(settings)
        .server("session_idle_timeout_ms", idle)
        .start()
        .await
}

#[tokio::test]
async fn s7_an_15_a_session_in_use_at_any_replica_outlives_three_timeouts() {
    let fleet = fleet().await;
    let each = &fleet.each();
    let session = Session::open(&each[0]).await;
    let opened = Instant::now();
    let mut turn = 0;
    let mut last = opened;
    until_true("three timeouts to pass in use", async || {
        // Each replica sees the session only now and then; together they keep it.
        if last.elapsed() > IDLE / 4 {
            last = Instant::now();
            turn += 1;
            let status = session.at(&each[turn % 3]).send(&list_request()).await.status;
            assert_eq!(status, StatusCode::OK, "after {:?}", opened.elapsed());
        }
        opened.elapsed() > IDLE * 3
    })
    .await;
}

#[tokio::test]
async fn s7_an_15_a_session_that_one_replica_keeps_alive_stays_known_to_the_others() {
    let fleet = fleet().await;
    let each = &fleet.each();
    let session = Session::open(&each[0]).await;
    let opened = Instant::now();
    let at_b = session.at(&each[1]);
    until_true("three timeouts to pass in use at B", async || {
        let status = at_b.send(&list_request()).await.status;
        assert_eq!(status, StatusCode::OK, "after {:?}", opened.elapsed());
        opened.elapsed() > IDLE * 3
    })
    .await;
    for endpoint in [&each[2], &each[0]] {
        let status = session.at(endpoint).send(&list_request()).await.status;
        assert_eq!(status, StatusCode::OK, "the use at B is unknown elsewhere");
    }
}

#[tokio::test]
async fn s7_an_15_an_idle_session_is_gone_everywhere() {
    let fleet = fleet().await;
    let each = &fleet.each();
    let session = Session::open(&each[0]).await;
    for endpoint in each {
        assert_eq!(
            session.at(endpoint).send(&list_request()).await.status,
            StatusCode::OK
        );
    }
    let used = Instant::now();
    // A look at the session would keep it alive, so only the clock can be watched.
    let gone = IDLE.mul_f64(1.25) + VIEW + Duration::from_millis(500);
    until_true("the idle time to pass", async || used.elapsed() > gone).await;
    for endpoint in each {
        assert_all_not_found(endpoint, &session.id).await;
    }
}

#[tokio::test]
async fn an_15_a_timeout_shorter_than_the_coordinator_keeps_is_refused() {
    let entry = plugins::entry("fixture", &plugins::library("mcpg-fixture-plugin"));
    let settings = |idle: u64| {
        let cluster = json!({"kind": "fixture", "deployment": "an15", "min_ttl_ms": 10_000});
        Settings::new()
            .server("session_idle_timeout_ms", idle)
            .block("plugins", json!([entry]))
            .block("cluster", cluster)
    };
    let output = settings(5000).refused().await;
    for part in ["session_idle_timeout_ms", "8000", "10s", "fixture"] {
        assert!(output.contains(part), "{part} is not named: {output}");
    }
    // A record outlives its session by a quarter of the timeout.
    let gateway = settings(8000).mock_tool("hello", "hi").start().await;
    let session = Session::open(&gateway.endpoint).await;
    assert_eq!(session.send(&list_request()).await.status, StatusCode::OK);
}
