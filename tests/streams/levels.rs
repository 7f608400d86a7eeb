//! What changes at an upstream reaches a client on one of its GET streams, wherever each of them is.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::subscriptions::{X, updated};
use crate::support::fleet::{Fleet, FleetSettings};
use crate::support::gateway::Settings;
use crate::support::legacy::Session;
use crate::support::mcp::names;
use crate::support::pipe::Pipe;
use crate::support::sse::{Event, Events};
use crate::support::upstream::Upstream;

/// How long what is caused at one replica may take to reach a client at another one (the windows of the conformance
/// suite).
const WINDOW: Duration = Duration::from_millis(800);

pub(super) const TOOLS_CHANGED: &str = "notifications/tools/list_changed";

/// A GET stream of a session, as soon as its replica holds it.
pub(super) async fn stream(session: &Session) -> Events {
    let answer = session.get().send().await;
    assert_eq!(answer.status, StatusCode::OK);
    let mut events = answer.events();
    let primed = events.next().await.expect("the stream begins with an event");
    assert!(primed.id.is_some() && primed.data.unwrap_or_default().is_empty());
    events
}

/// A stream that goes on after an event.
pub(super) async fn resumed(session: &Session, id: &str) -> Events {
    let answer = session.get().header("last-event-id", id).send().await;
    assert_eq!(answer.status, StatusCode::OK);
    answer.events()
}

/// The next event with a message, and the message.
pub(super) async fn next(events: &mut Events) -> (Event, Value) {
    loop {
        let event = events.next().await.expect("the stream goes on");
        let data = event.data.clone().unwrap_or_default();
        if !data.is_empty() {
            let message = serde_json::from_str(&data).expect("an event holds a JSON message");
            return (event, message);
        }
    }
}

/// The methods of everything that comes until the stream ends.
pub(super) async fn rest(mut events: Events) -> Vec<String> {
    let mut methods = Vec::new();
    while let Some(message) = events.message().await {
        methods.push(message["method"].as_str().unwrap_or("a response").to_owned());
    }
    methods
}

/// The next message, and whether it came in time. A busy machine may miss the window; what comes late is not lost.
async fn told_in_time(events: &mut Events) -> (Event, Value, bool) {
    let begun = Instant::now();
    let (event, message) = next(events).await;
    (event, message, begun.elapsed() <= WINDOW)
}

async fn fleet(upstream: &Upstream) -> Fleet {
    FleetSettings::in_front_of(&upstream.url()).start().await
}

async fn add_tool(upstream: &Upstream, name: &str) {
    upstream.control("tools/add", json!({"name": name})).await;
}

async fn tools_at(session: &Session) -> Vec<String> {
    names(&session.result("tools/list", json!({})).await["tools"])
}

#[tokio::test]
async fn d1_what_changes_at_the_upstream_reaches_the_stream_at_another_replica_in_time() {
    let upstream = Upstream::legacy().await;
    let fleet = fleet(&upstream).await;
    let [a, b, c] = &fleet.each();
    let session = Session::open(a).await;
    let mut events = stream(&session.at(b)).await;
    let subscribed = session
        .at(c)
        .result("resources/subscribe", json!({"uri": X}))
        .await;
    assert_eq!(subscribed, json!({}));
    for attempt in 0..5 {
        updated(&upstream, X).await;
        let (event, message, update_in_time) = told_in_time(&mut events).await;
        assert_eq!(message["method"], "notifications/resources/updated");
        assert_eq!(message["params"]["uri"], X);
        assert!(event.id.is_some());
        add_tool(&upstream, &format!("added-{attempt}")).await;
        let (_, message, list_in_time) = told_in_time(&mut events).await;
        assert_eq!(message, json!({"jsonrpc": "2.0", "method": TOOLS_CHANGED}));
        if update_in_time && list_in_time {
            return;
        }
    }
    panic!("in none of five attempts was the client told within {WINDOW:?}");
}

#[tokio::test]
async fn u8_who_is_told_of_new_tools_finds_them_at_every_replica() {
    let upstream = Upstream::legacy().await;
    let fleet = fleet(&upstream).await;
    let each = &fleet.each();
    let session = Session::open(&each[0]).await;
    let mut events = stream(&session.at(&each[1])).await;
    for round in 0..5 {
        let name = format!("fresh-{round}");
        add_tool(&upstream, &name).await;
        let (_, message) = next(&mut events).await;
        assert_eq!(message["method"], TOOLS_CHANGED);
        for endpoint in each {
            let tools = tools_at(&session.at(endpoint)).await;
            assert!(tools.contains(&name), "{name} is missing at {}", endpoint.address);
        }
    }
}

#[tokio::test]
async fn i6_a_level_is_told_on_one_stream_only_and_on_the_next_one_when_the_first_is_gone() {
    let upstream = Upstream::legacy().await;
    let fleet = fleet(&upstream).await;
    let [a, b, c] = &fleet.each();
    let session = Session::open(b).await;
    session.result("resources/subscribe", json!({"uri": X})).await;
    let mut first = stream(&session.at(a)).await;
    updated(&upstream, X).await;
    next(&mut first).await;
    let mut second = stream(&session.at(c)).await;
    for round in 0..3 {
        add_tool(&upstream, &format!("once-{round}")).await;
        assert_eq!(next(&mut first).await.1["method"], TOOLS_CHANGED);
    }
    drop(first);
    // Of what was told on the first stream only its own client knows: it is news on the second one, in the same order.
    for method in ["notifications/resources/updated", TOOLS_CHANGED] {
        assert_eq!(next(&mut second).await.1["method"], method);
    }
    updated(&upstream, X).await;
    assert_eq!(
        next(&mut second).await.1["method"],
        "notifications/resources/updated"
    );
    assert!(session.delete().await.is_success());
    assert_eq!(rest(second).await, Vec::<String>::new(), "each was told once");
}

#[tokio::test]
async fn i6_while_the_first_stream_lives_nothing_is_told_on_the_second_one() {
    let upstream = Upstream::legacy().await;
    let fleet = fleet(&upstream).await;
    let [a, b, c] = &fleet.each();
    let session = Session::open(b).await;
    session.result("resources/subscribe", json!({"uri": X})).await;
    let mut first = stream(&session.at(a)).await;
    updated(&upstream, X).await;
    next(&mut first).await;
    let second = stream(&session.at(c)).await;
    for _ in 0..5 {
        updated(&upstream, X).await;
        next(&mut first).await;
    }
    assert!(session.at(b).delete().await.is_success());
    assert_eq!(rest(second).await, Vec::<String>::new());
    assert_eq!(rest(first).await, Vec::<String>::new(), "one for each update");
}

#[tokio::test]
async fn d2_a_stream_that_is_resumed_elsewhere_gets_what_was_missed_and_not_what_was_told() {
    let upstream = Upstream::legacy().await;
    let fleet = fleet(&upstream).await;
    let [a, b, c] = &fleet.each();
    let session = Session::open(a).await;
    session.result("resources/subscribe", json!({"uri": X})).await;
    let mut events = stream(&session.at(b)).await;
    add_tool(&upstream, "before").await;
    let (told, message) = next(&mut events).await;
    assert_eq!(message["method"], TOOLS_CHANGED);
    drop(events);
    updated(&upstream, X).await;
    let mut events = resumed(&session.at(c), &told.id.expect("a level has an id")).await;
    let (_, message) = next(&mut events).await;
    assert_eq!(message["method"], "notifications/resources/updated", "{message}");
    assert!(session.delete().await.is_success());
    assert_eq!(rest(events).await, Vec::<String>::new());
}

#[tokio::test]
async fn i1_without_any_message_between_replicas_a_level_is_told_later() {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url())
        .without_messages()
        .start()
        .await;
    let [a, b, c] = &fleet.each();
    let session = Session::open(a).await;
    let mut events = stream(&session.at(b)).await;
    session
        .at(c)
        .result("resources/subscribe", json!({"uri": X}))
        .await;
    updated(&upstream, X).await;
    assert_eq!(next(&mut events).await.1["params"]["uri"], X);
    add_tool(&upstream, "silent").await;
    assert_eq!(next(&mut events).await.1["method"], TOOLS_CHANGED);
    for endpoint in [a, b, c] {
        assert!(
            tools_at(&session.at(endpoint))
                .await
                .contains(&"silent".to_owned())
        );
    }
}

#[tokio::test]
async fn what_changes_reaches_a_client_over_a_pipe() {
    let upstream = Upstream::legacy().await;
    let mut pipe = Pipe::start(&Settings::in_front_of(&upstream.url()));
    let greeting = pipe.initialize("2025-11-25", json!({})).await;
    assert_eq!(
        greeting["capabilities"]["resources"],
        json!({"listChanged": true, "subscribe": true})
    );
    let subscribed = pipe
        .request(json!(1), "resources/subscribe", json!({"uri": X}))
        .await;
    assert_eq!(subscribed["result"], json!({}));
    updated(&upstream, X).await;
    assert_eq!(pipe.next().await["params"]["uri"], X);
    add_tool(&upstream, "piped").await;
    assert_eq!(pipe.next().await["method"], TOOLS_CHANGED);
    let listed = pipe.request(json!(2), "tools/list", json!({})).await;
    assert!(names(&listed["result"]["tools"]).contains(&"piped".to_owned()));
    let ended = pipe.close().await;
    assert!(
        ended.status.success() && ended.rest.is_empty(),
        "{:?}",
        ended.rest
    );
}
