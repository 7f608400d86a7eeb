//! How GET streams end, and what stays behind of them: nothing.

use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use super::get_streams::{listening, open, talking};
use crate::support::deadline::{until, until_true, within};
use crate::support::fleet::{FleetSettings, VIEW, shared_redis};
use crate::support::gateway::Settings;
use crate::support::legacy::Session;
use crate::support::session_requests::{assert_all_not_found, list_request};
use crate::support::talker::Talker;

/// After how long an unused session expires in these tests.
const IDLE: Duration = Duration::from_secs(2);

fn brief(settings: Settings) -> FleetSettings {
    let idle = u64::try_from(IDLE.as_millis()).unwrap();
    FleetSettings::new(settings.server("session_idle_timeout_ms", idle))
}

#[tokio::test]
async fn s4_a_delete_elsewhere_closes_an_open_get_stream() {
    let (talker, fleet) = talking().await;
    let [a, b, c] = &fleet.each();
    let session = listening(&talker, a).await;
    let streams = [open(&session).await, open(&session.at(c)).await];
    let sent = Instant::now();
    assert_eq!(session.at(b).delete().await, StatusCode::NO_CONTENT);
    for stream in streams {
        within("the stream ends", stream.finish()).await;
    }
    assert!(sent.elapsed() < VIEW * 5 / 4 + Duration::from_secs(10));
    for endpoint in [a, b, c] {
        assert_all_not_found(endpoint, &session.id).await;
    }
    until_true("the upstream's session is closed", async || talker.deleted() == 1).await;
}

#[tokio::test]
async fn s7_an_open_get_stream_keeps_its_session() {
    let fleet = brief(Settings::new().mock_tool("hello", "hi")).start().await;
    let [a, b, c] = &fleet.each();
    let (kept, idle) = (Session::open(a).await, Session::open(a).await);
    let stream = open(&kept.at(b)).await;
    let opened = Instant::now();
    // A look at either session would keep it alive, so only the clock can be watched.
    until_true("three timeouts to pass", async || opened.elapsed() > IDLE * 3).await;
    assert_eq!(
        idle.at(c).send(&list_request()).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(kept.at(c).send(&list_request()).await.status, StatusCode::OK);
    drop(stream);
}

/// Whether the coordinator has no key any more that names the session.
async fn is_forgotten(session: &str) -> bool {
    let redis = shared_redis().await;
    let count = format!("EVAL \"return #redis.call('KEYS', '*{session}*')\" 0");
    redis.command(&count).await == ":0"
}

#[tokio::test]
async fn an_13_after_a_delete_the_streams_close_and_later_nothing_is_left() {
    let talker = Talker::start().await;
    let fleet = brief(Settings::in_front_of(&talker.url)).start().await;
    let [a, b, c] = &fleet.each();
    let session = listening(&talker, a).await;
    let stream = open(&session).await;
    talker.log("kept");
    assert!(!is_forgotten(&session.id).await);
    assert_eq!(session.at(b).delete().await, StatusCode::NO_CONTENT);
    within("the stream ends", stream.finish()).await;
    // A runs on, and twice the TTL later nothing stands all the same.
    until("nothing of the session is left", IDLE * 10, async || {
        is_forgotten(&session.id).await.then_some(())
    })
    .await;
    for endpoint in [a, b, c] {
        assert_all_not_found(endpoint, &session.id).await;
    }
    assert!(is_forgotten(&session.id).await);
}

#[tokio::test]
async fn sb_9_expiry_leaves_the_same_behind_as_a_delete() {
    let talker = Talker::start().await;
    let fleet = brief(Settings::in_front_of(&talker.url)).start().await;
    let [a, b, _] = &fleet.each();
    let (deleted, expired) = (listening(&talker, a).await, listening(&talker, a).await);
    talker.log("waits for a stream in both");
    assert_eq!(deleted.at(b).delete().await, StatusCode::NO_CONTENT);
    until_true("both sessions are closed upstream", async || {
        talker.deleted() == 2
    })
    .await;
    for session in [&deleted.id, &expired.id] {
        until("nothing of the session is left", IDLE * 10, async || {
            is_forgotten(session).await.then_some(())
        })
        .await;
        assert_all_not_found(b, session).await;
    }
}
