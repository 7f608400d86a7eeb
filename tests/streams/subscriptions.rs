//! Subscriptions: made at any replica, held once upstream, taken over, and gone with their session.

use http::StatusCode;
use serde_json::{Value, json};

use super::levels::{TOOLS_CHANGED, next, rest, stream};
use crate::support::deadline::until_true;
use crate::support::fleet::FleetSettings;
use crate::support::gateway::Settings;
use crate::support::legacy::Session;
use crate::support::upstream::Upstream;

/// A resource of the test upstream.
pub(super) const X: &str = "test://static-text";

/// Updates a resource at the upstream.
pub(super) async fn updated(upstream: &Upstream, uri: &str) {
    upstream.control("resources/updated", json!({"uri": uri})).await;
}

/// How many sessions at the upstream are subscribed to a resource.
async fn subscribed(upstream: &Upstream, uri: &str) -> usize {
    let stats = upstream.stats().await;
    let sessions = stats["listeners"]["sessions"].as_object().cloned();
    let has = |uris: &Value| uris.as_array().is_some_and(|uris| uris.contains(&json!(uri)));
    sessions
        .unwrap_or_default()
        .values()
        .filter(|uris| has(uris))
        .count()
}

async fn becomes_subscribed(upstream: &Upstream, times: usize) {
    let what = format!("{times} subscriptions upstream");
    until_true(&what, async || subscribed(upstream, X).await == times).await;
}

async fn subscribe(session: &Session) {
    let result = session.result("resources/subscribe", json!({"uri": X})).await;
    assert_eq!(result, json!({}));
}

#[tokio::test]
async fn u1_who_unsubscribes_at_one_replica_hears_nothing_more_at_any() {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
    let [a, b, c] = &fleet.each();
    let session = Session::open(a).await;
    subscribe(&session).await;
    let mut events = stream(&session.at(b)).await;
    updated(&upstream, X).await;
    let (_, message) = next(&mut events).await;
    assert_eq!(
        message,
        json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": X}})
    );
    // Another session keeps the upstream's subscription alive.
    let other = Session::open(b).await;
    subscribe(&other).await;
    session
        .at(c)
        .result("resources/unsubscribe", json!({"uri": X}))
        .await;
    let mut heard = stream(&other.at(c)).await;
    updated(&upstream, X).await;
    assert_eq!(next(&mut heard).await.1["params"]["uri"], X);
    upstream.control("tools/add", json!({"name": "last"})).await;
    assert_eq!(next(&mut events).await.1["method"], TOOLS_CHANGED);
    assert!(session.delete().await.is_success());
    assert_eq!(rest(events).await, Vec::<String>::new());
}

#[tokio::test]
async fn u2_fifteen_sessions_at_three_replicas_are_one_subscription_upstream() {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
    let each = &fleet.each();
    let mut sessions = Vec::new();
    for turn in 0..15 {
        let session = Session::open(&each[turn % 3]).await;
        subscribe(&session.at(&each[(turn + 1) % 3])).await;
        sessions.push(session);
    }
    assert_eq!(subscribed(&upstream, X).await, 1);
    assert_eq!(upstream.stats().await["requests"]["resources/subscribe"], 1);
    let mut streams = Vec::new();
    for (turn, session) in sessions.iter().enumerate() {
        streams.push(stream(&session.at(&each[(turn + 2) % 3])).await);
    }
    updated(&upstream, X).await;
    for events in &mut streams {
        assert_eq!(next(events).await.1["params"]["uri"], X);
    }
    for (session, events) in sessions.iter().zip(streams) {
        assert!(session.delete().await.is_success());
        assert_eq!(rest(events).await, Vec::<String>::new(), "it was told once");
    }
    becomes_subscribed(&upstream, 0).await;
}

#[tokio::test]
async fn u2_what_a_killed_replica_was_subscribed_to_is_taken_over() {
    let upstream = Upstream::legacy().await;
    let mut fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
    let [a, b, c] = fleet.each();
    let session = Session::open(&a).await;
    subscribe(&session).await;
    let mut events = stream(&session.at(&b)).await;
    updated(&upstream, X).await;
    next(&mut events).await;
    let requests = async || upstream.stats().await["requests"]["resources/subscribe"].clone();
    assert_eq!(requests().await, 1);
    fleet.replicas[0].kill();
    // Nobody hears this one: it is told when somebody has taken over.
    updated(&upstream, X).await;
    assert_eq!(next(&mut events).await.1["params"]["uri"], X);
    assert_eq!(requests().await, 2);
    updated(&upstream, X).await;
    assert_eq!(next(&mut events).await.1["params"]["uri"], X);
    assert!(session.at(&c).delete().await.is_success());
    assert_eq!(rest(events).await, Vec::<String>::new());
}

#[tokio::test]
async fn sb_9_a_subscription_ends_with_its_session_however_that_ends() {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url())
        .server("session_idle_timeout_ms", 2_000)
        .start()
        .await;
    let [a, b, c] = &fleet.each();
    let deleted = Session::open(a).await;
    subscribe(&deleted.at(b)).await;
    assert_eq!(subscribed(&upstream, X).await, 1);
    assert!(deleted.at(c).delete().await.is_success());
    becomes_subscribed(&upstream, 0).await;
    let expiring = Session::open(a).await;
    subscribe(&expiring.at(c)).await;
    assert_eq!(subscribed(&upstream, X).await, 1);
    becomes_subscribed(&upstream, 0).await;
    assert_eq!(expiring.delete().await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_session_has_a_limit_of_subscriptions_that_says_what_to_do() {
    let upstream = Upstream::legacy().await;
    let settings = Settings::in_front_of(&upstream.url())
        .configurations(json!({"subscriptions": {"max_per_session": 2}}));
    let fleet = FleetSettings::new(settings).start().await;
    let each = &fleet.each();
    let session = Session::open(&each[0]).await;
    let ask = async |turn: usize, method: &str, uri: &str| {
        session.at(&each[turn]).request(method, json!({"uri": uri})).await
    };
    for (turn, uri) in ["test://a", "test://b", "test://b"].iter().enumerate() {
        let answer = ask(turn, "resources/subscribe", uri).await;
        assert_eq!(answer["result"], json!({}), "{answer}");
    }
    let refused = ask(0, "resources/subscribe", "test://c").await;
    assert_eq!(
        refused["error"]["message"],
        "invalid request: a session cannot have more than 2 subscriptions: unsubscribe from others first"
    );
    assert_eq!(subscribed(&upstream, "test://c").await, 0);
    ask(1, "resources/unsubscribe", "test://a").await;
    let answer = ask(2, "resources/subscribe", "test://c").await;
    assert_eq!(answer["result"], json!({}), "{answer}");
    assert_eq!(subscribed(&upstream, "test://c").await, 1);
}
