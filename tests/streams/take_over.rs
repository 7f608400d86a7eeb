//! A killed owner: everybody else serves on at once, and what only the owner could do is taken over once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use serde_json::json;
use tokio::time::{Instant, timeout};

use crate::support::deadline::{PATIENCE, until_true};
use crate::support::fleet::{Fleet, FleetSettings, OPERATION, TTL};
use crate::support::following::{Following, assert_progress_and_response, last_id, messages};
use crate::support::gateway::Settings;
use crate::support::legacy::Session;
use crate::support::mcp::text_of;
use crate::support::metrics::Scrape;
use crate::support::redis::Redis;
use crate::support::session_requests::list_request;
use crate::support::upstream::Upstream;

/// The lease of a lost owner, the slack of redis, and one second; and something for a busy machine.
const TAKE_OVER: Duration = Duration::from_secs(TTL.as_secs() + 1 + 5);

async fn start() -> (Upstream, Fleet) {
    let upstream = Upstream::legacy().await;
    let settings = Settings::in_front_of(&upstream.url()).metrics();
    let fleet = FleetSettings::new(settings).start().await;
    (upstream, fleet)
}

/// A call at A that has told some progress.
async fn begun(session: &Session, tag: &str) -> Following {
    let arguments = json!({"steps": 100, "interval_ms": 200, "tag": tag});
    let id = json!(tag);
    let mut call = Following::call(session, &id, "sleep_with_progress", arguments).await;
    call.read_messages(2).await;
    call
}

#[tokio::test]
async fn an_7_the_next_request_after_a_kill_is_served_at_once_and_the_rest_within_the_bound() {
    let (upstream, mut fleet) = start().await;
    let [a, b, c] = fleet.each();
    let session = Session::open(&a).await;
    let call = begun(&session, "an 7").await;
    fleet.replicas[0].kill();
    let killed = Instant::now();
    for endpoint in [&b, &c] {
        let (session, request) = (session.at(endpoint), list_request());
        let answer = timeout(OPERATION, session.send(&request)).await;
        assert_eq!(answer.expect("served at once").status, StatusCode::OK);
    }
    let stream = Following::resume(&session.at(&b), &last_id(&call.seen[..1])).await;
    let events = timeout(TAKE_OVER, stream.finish()).await.expect("silence");
    assert!(killed.elapsed() <= TAKE_OVER, "{:?}", killed.elapsed());
    let messages = messages(&events);
    let (_, end) = messages.last().unwrap();
    assert_eq!(
        (&end["id"], &end["error"]["data"]["reason"]),
        (&json!("an 7"), &json!("outcome_unknown"))
    );
    let counts = upstream.counts("sleep_with_progress", "an 7").await;
    assert_eq!(counts.started, 1);
}

#[tokio::test]
async fn an_10_fifty_requests_after_a_kill_take_over_once_and_all_have_their_effect() {
    let (upstream, mut fleet) = start().await;
    let [a, b, c] = fleet.each();
    let session = Session::open(&a).await;
    let call = begun(&session, "an 10").await;
    let place = last_id(&call.seen[..1]);
    fleet.replicas[0].kill();
    let others = [&b, &c];
    let resumes = (0..10).map(|number| {
        let session = session.at(others[number % 2]);
        let place = place.clone();
        async move { timeout(TAKE_OVER, Following::resume(&session, &place).await.finish()).await }
    });
    let changes = (0..40).map(|number| {
        let session = session.at(others[number % 2]);
        async move { session.tool("count", json!({"tag": "an 10"})).await }
    });
    let (ends, results) = tokio::join!(join_all(resumes), join_all(changes));
    let mut values: Vec<u64> = results
        .iter()
        .map(|result| text_of(result).parse().unwrap())
        .collect();
    values.sort_unstable();
    assert_eq!(values, (1..=40).collect::<Vec<_>>(), "each effect once");
    // Who came later took the stream over from who came before; nobody was told two ends, or another one.
    let told: Vec<_> = ends
        .into_iter()
        .map(|end| messages(&end.expect("silence")))
        .collect();
    let last = told.iter().filter_map(|told| told.last());
    let ends: Vec<_> = last
        .filter(|(_, message)| message.get("method").is_none())
        .collect();
    assert!(!ends.is_empty(), "somebody is told the end");
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
    assert_eq!(ends[0].1["error"]["data"]["reason"], "outcome_unknown");
    let mut taken_over = 0.0;
    for replica in &fleet.replicas[1..] {
        let scrape = Scrape::of(replica.admin).await;
        taken_over += scrape.sum("mcpg_take_overs_total", "what=\"call\"");
    }
    assert!((taken_over - 1.0).abs() < f64::EPSILON, "{taken_over} take-overs");
    assert_eq!(upstream.counts("sleep_with_progress", "an 10").await.started, 1);
}

/// The server stands still for longer than a lease lives, so every lease is gone when it goes on.
#[tokio::test]
async fn i3_an_outage_longer_than_a_lease_kills_no_healthy_call() {
    let (upstream, redis) = (Upstream::legacy().await, Arc::new(Redis::in_memory().await));
    let fleet = FleetSettings::in_front_of(&upstream.url())
        .redis(&redis)
        .start()
        .await;
    let [a, b, _] = &fleet.each();
    let session = Session::open(a).await;
    let arguments = json!({"steps": 60, "interval_ms": 200, "tag": "healthy"});
    let id = json!("healthy");
    let mut call = Following::call(&session, &id, "sleep_with_progress", arguments).await;
    call.read_messages(2).await;
    let mut follower = Following::resume(&session.at(b), &last_id(&call.seen[..1])).await;
    follower.read_messages(2).await;
    redis.freeze();
    let frozen = Instant::now();
    until_true("every lease has run out", async || {
        frozen.elapsed() > TTL + Duration::from_secs(2)
    })
    .await;
    redis.thaw();
    let events = timeout(PATIENCE, follower.finish()).await.expect("silence");
    assert_progress_and_response(&events, &id);
    assert!(
        messages(&events).last().unwrap().1.get("result").is_some(),
        "the call was killed"
    );
    let counts = upstream.counts("sleep_with_progress", "healthy").await;
    assert_eq!((counts.started, counts.completed, counts.cancelled), (1, 1, 0));
}
