//! What belongs to no call reaches the client on exactly one of its GET streams.

use std::collections::BTreeSet;
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::deadline::until_true;
use crate::support::fleet::{Fleet, FleetSettings, shared_redis};
use crate::support::following::{Following, last_id, messages};
use crate::support::gateway::Settings;
use crate::support::http::Call;
use crate::support::legacy::Session;
use crate::support::mcp::Endpoint;
use crate::support::metrics::Scrape;
use crate::support::session_requests::{UNKNOWN, assert_all_not_found};
use crate::support::talker::Talker;
use crate::support::upstream::Upstream;

/// What the clients of these tests declare.
pub(super) fn capable() -> Value {
    json!({"elicitation": {"form": {}}, "sampling": {}})
}

pub(super) async fn talking() -> (Talker, Fleet) {
    let talker = Talker::start().await;
    let fleet = FleetSettings::in_front_of(&talker.url).start().await;
    (talker, fleet)
}

/// A session that has one of its own at the upstream, whose GET stream is read by some replica.
pub(super) async fn listening(talker: &Talker, endpoint: &Endpoint) -> Session {
    let before = talker.gets_of_clients().len();
    let session = Session::open_with(endpoint, capable()).await;
    session.tool("fixed", json!({})).await;
    until_true("the upstream's stream is read", async || {
        talker.gets_of_clients().len() > before
    })
    .await;
    session
}

/// Opens a GET stream whose priming event has been read.
pub(super) async fn open(session: &Session) -> Following {
    let mut stream = Following::of(session.get().send().await);
    let primed = stream.next().await.expect("a priming event");
    assert_eq!(primed.data.as_deref(), Some(""), "{primed:?}");
    let retry: u64 = primed.retry.as_deref().unwrap().parse().unwrap();
    assert!((500..=5000).contains(&retry), "{retry}");
    stream
}

/// The texts that were logged, in order.
pub(super) fn logged(stream: &Following) -> Vec<String> {
    let text = |(_, message): (Option<String>, Value)| {
        let data = &message["params"]["data"];
        data.as_str().map_or_else(|| data.to_string(), ToOwned::to_owned)
    };
    messages(&stream.seen).into_iter().map(text).collect()
}

#[tokio::test]
async fn d2_of_several_get_streams_each_message_is_on_exactly_one() {
    let (talker, fleet) = talking().await;
    let [a, b, c] = &fleet.each();
    let session = listening(&talker, b).await;
    let (mut at_a, mut at_c) = (open(&session.at(a)).await, open(&session.at(c)).await);
    talker.log("first");
    at_a.read_messages(1).await;
    // While a call streams elsewhere, what belongs to none stays on the GET stream.
    for number in 0..20 {
        talker.log(&number.to_string());
    }
    at_a.read_messages(21).await;
    let wanted: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(logged(&at_a)[1..], wanted);
    drop(at_a);
    // The other one takes over, and has seen nothing of all that.
    until_true("the stream at C gets what is new", async || {
        talker.log("new");
        timeout(Duration::from_millis(300), at_c.next()).await.is_ok()
    })
    .await;
    assert!(logged(&at_c).iter().all(|text| text == "new"), "{:?}", at_c.seen);
}

#[tokio::test]
async fn d3_what_belongs_to_a_call_never_comes_on_a_get_stream() {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
    let [a, b, c] = &fleet.each();
    let session = Session::open(a).await;
    let mut stream = open(&session.at(c)).await;
    let arguments = json!({"steps": 5, "interval_ms": 100, "tag": "d3"});
    let call = Following::call(&session.at(b), &json!(9), "sleep_with_progress", arguments).await;
    let events = call.finish().await;
    let (_, response) = messages(&events).pop().unwrap();
    assert_eq!(response["id"], 9);
    upstream
        .control("log", json!({"level": "warning", "text": "outside"}))
        .await;
    stream.read_messages(1).await;
    let seen = messages(&stream.seen);
    assert_eq!(seen[0].1["method"], "notifications/message", "{seen:?}");
    assert!(seen[0].1.to_string().contains("outside"), "{seen:?}");
}

#[tokio::test]
async fn d6_event_ids_are_unique_over_all_streams_of_a_session() {
    let (talker, fleet) = talking().await;
    let [a, b, c] = &fleet.each();
    let session = listening(&talker, a).await;
    let mut ids = Vec::new();
    for (number, endpoint) in [a, b, c, a, b, c].into_iter().enumerate() {
        let mut stream = open(&session.at(endpoint)).await;
        talker.log(&number.to_string());
        stream.read_messages(1).await;
        ids.extend(stream.cut().into_iter().filter_map(|event| event.id));
    }
    let distinct: BTreeSet<&String> = ids.iter().collect();
    assert_eq!((distinct.len(), ids.len()), (12, 12), "{ids:?}");
}

#[tokio::test]
async fn d7_what_is_said_while_nobody_listens_is_on_the_next_stream() {
    let (talker, fleet) = talking().await;
    let [a, b, _] = &fleet.each();
    let session = listening(&talker, a).await;
    for number in 0..5 {
        talker.log(&format!("kept-{number}"));
    }
    // Only then: what is said while a stream is open would need no queue.
    until_true("the last one is kept", async || {
        is_kept(&session.id, "kept-4").await
    })
    .await;
    let mut stream = open(&session.at(b)).await;
    stream.read_messages(5).await;
    assert_eq!(
        logged(&stream),
        ["kept-0", "kept-1", "kept-2", "kept-3", "kept-4"]
    );
}

/// Whether a record of the session holds this text.
async fn is_kept(session: &str, text: &str) -> bool {
    let look = format!(
        "EVAL \"for _, k in ipairs(redis.call('KEYS', '*{session}*')) do local t = redis.call('TYPE', k).ok \
         local v = t == 'hash' and table.concat(redis.call('HVALS', k)) or t == 'string' and redis.call('GET', k) or '' \
         if string.find(v, '{text}', 1, true) then return 1 end end return 0\" 0"
    );
    shared_redis().await.command(&look).await == ":1"
}

#[tokio::test]
async fn d7_what_was_too_much_is_told_to_the_next_stream() {
    let talker = Talker::start().await;
    let few = json!({"delivery": {"max_events": 10}});
    let settings = Settings::in_front_of(&talker.url).configurations(few).metrics();
    let fleet = FleetSettings::new(settings).start().await;
    let [a, b, _] = &fleet.each();
    let session = listening(&talker, a).await;
    for number in 0..30 {
        talker.log(&number.to_string());
    }
    until_true("20 messages are counted as lost", async || {
        let mut lost = 0.0;
        for replica in &fleet.replicas {
            lost += Scrape::of(replica.admin).await.value("mcpg_messages_lost_total");
        }
        lost == 20.0
    })
    .await;
    let mut stream = open(&session.at(b)).await;
    stream.read_messages(11).await;
    let seen = messages(&stream.seen);
    let notice = &seen[0].1["params"];
    assert_eq!(
        (&notice["logger"], &notice["level"]),
        (&json!("mcpg"), &json!("warning"))
    );
    assert_eq!(notice["data"]["reason"], "messages_lost");
    assert_eq!(notice["data"]["count"], 20);
    let wanted: Vec<String> = (20..30).map(|number| number.to_string()).collect();
    assert_eq!(logged(&stream)[1..], wanted);
}

#[tokio::test]
async fn d4_a_get_stream_goes_on_at_another_replica_without_gap_or_double() {
    let (talker, fleet) = talking().await;
    let [a, b, c] = &fleet.each();
    let session = listening(&talker, a).await;
    let mut first = open(&session.at(b)).await;
    for number in 1..=4 {
        talker.log(&number.to_string());
    }
    first.read_messages(4).await;
    // The client has only taken in the first two, and comes back elsewhere while its first connection is open still.
    let second = &messages(&first.seen)[1];
    let mut resumed = Following::resume(&session.at(c), second.0.as_ref().unwrap()).await;
    resumed.read_messages(2).await;
    talker.log("5");
    resumed.read_messages(3).await;
    assert_eq!(logged(&resumed), ["3", "4", "5"]);
    assert!(first.finish().await.len() <= 6, "the first connection is closed");
}

#[tokio::test]
async fn d4_a_killed_holder_is_replaced_and_nothing_is_lost() {
    let (talker, mut fleet) = talking().await;
    let [a, b, c] = fleet.each();
    let session = listening(&talker, &a).await;
    let mut first = open(&session.at(&b)).await;
    talker.log("1");
    first.read_messages(1).await;
    let last = last_id(&first.seen);
    fleet.replicas[1].kill();
    talker.log("2");
    let mut resumed = Following::resume(&session.at(&c), &last).await;
    talker.log("3");
    resumed.read_messages(2).await;
    assert_eq!(logged(&resumed), ["2", "3"]);
}

#[tokio::test]
async fn an_11_no_stream_is_opened_for_a_session_that_does_not_exist() {
    let fleet = FleetSettings::new(Settings::new().mock_tool("hello", "hi"))
        .start()
        .await;
    for endpoint in &fleet.each() {
        assert_all_not_found(endpoint, UNKNOWN).await;
        let session = Session::open(endpoint).await;
        for id in ["x", "g.1.0.0.AAAAAAAAAAA", ""] {
            let answer = session.get().header("last-event-id", id).send().await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{id}");
            assert!(
                answer
                    .text()
                    .await
                    .contains("the Last-Event-ID was not minted for this session")
            );
        }
        let other = Session::open(endpoint).await;
        let stream = open(&other).await;
        let foreign = last_id(&stream.seen);
        let answer = session.get().header("last-event-id", &foreign).send().await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        let call = session.headed(
            Call::new(Method::GET, endpoint.address, &endpoint.path).header("accept", "application/json"),
        );
        assert_eq!(call.send().await.status, StatusCode::NOT_ACCEPTABLE);
    }
}

#[tokio::test]
async fn a_ninth_get_stream_of_a_session_is_refused_with_a_reason() {
    let fleet = FleetSettings::new(Settings::new().mock_tool("hello", "hi"))
        .start()
        .await;
    let [a, b, c] = &fleet.each();
    let session = Session::open(a).await;
    let mut streams = Vec::new();
    for endpoint in [a, b, c, a, b, c, a, b] {
        streams.push(open(&session.at(endpoint)).await);
    }
    until_true("the ninth stream is refused", async || {
        let answer = session.at(c).get().send().await;
        let is_refused = answer.status == StatusCode::CONFLICT;
        if is_refused {
            let text = answer.text().await;
            assert!(text.contains("has 8 GET streams open already"), "{text}");
        }
        is_refused
    })
    .await;
}

#[tokio::test]
async fn older_clients_get_no_event_without_data() {
    let (talker, fleet) = talking().await;
    let [a, b, _] = &fleet.each();
    for revision in ["2025-03-26", "2025-06-18"] {
        let before = talker.gets_of_clients().len();
        let session = Session::open_as(a, revision, capable()).await;
        session.tool("fixed", json!({})).await;
        until_true("the upstream's stream is read", async || {
            talker.gets_of_clients().len() > before
        })
        .await;
        let mut stream = Following::of(session.at(b).get().send().await);
        talker.log("1");
        let first = stream.next().await.unwrap();
        assert!(
            first.data.is_some_and(|data| data.contains("\"1\"")),
            "{revision}"
        );
        assert!(first.id.is_some());
        assert_eq!(session.delete().await, StatusCode::NO_CONTENT);
    }
}
