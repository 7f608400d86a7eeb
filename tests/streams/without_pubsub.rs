//! Invariant I1: every message between replicas is lost, and everything arrives all the same, one or two looks later.

use std::future::Future;
use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use tokio::time::timeout;

use crate::support::fleet::{Fleet, FleetSettings};
use crate::support::following::{Following, assert_progress_and_response, last_id, messages};
use crate::support::legacy::Session;
use crate::support::mcp::{Endpoint, text_of};
use crate::support::upstream::Upstream;

/// What the same takes at most while messages arrive, on a busy machine.
const USUAL: Duration = Duration::from_secs(8);

/// How often a replica looks by itself.
const RESYNC: Duration = Duration::from_secs(2);

async fn start() -> (Upstream, Fleet) {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url())
        .without_messages()
        .start()
        .await;
    for replica in &fleet.replicas {
        let output = replica.program.output();
        assert!(
            output.contains("MCPG_FAULT_DROP_PUBSUB") && output.contains("tests only"),
            "the replica does not say what it does: {output}"
        );
    }
    (upstream, fleet)
}

/// Awaits what has to arrive without messages.
async fn late<T>(what: &str, arriving: impl Future<Output = T>) -> T {
    let bound = USUAL + 2 * RESYNC;
    match timeout(bound, arriving).await {
        Ok(arrived) => arrived,
        Err(_) => panic!("not within {bound:?}: {what}"),
    }
}

#[tokio::test]
async fn i1_without_messages_a_session_works_in_turns() {
    let (upstream, fleet) = start().await;
    for _ in 0..4 {
        let session = late("a session", Session::open(&fleet.entry())).await;
        for number in 0..6 {
            let arguments = json!({"message": number.to_string(), "tag": "turns"});
            let result = late("a call", session.tool("echo", arguments)).await;
            assert_eq!(text_of(&result), number.to_string());
        }
        assert!(late("the end", session.delete()).await.is_success());
        for endpoint in fleet.each() {
            let status = session.at(&endpoint).get().send().await.status;
            assert_eq!(status, StatusCode::NOT_FOUND);
        }
    }
    assert_eq!(upstream.counts("echo", "turns").await.completed, 24);
}

#[tokio::test]
async fn i1_without_messages_a_cancel_arrives() {
    let (upstream, fleet) = start().await;
    let [a, b, _] = &fleet.each();
    let session = Session::open(a).await;
    let params = json!({"name": "sleep", "arguments": {"ms": 25_000, "tag": "cancel"}});
    let mut call = session.start(json!("c"), "tools/call", params).await;
    assert_eq!(session.at(b).cancel(&json!("c")).await, StatusCode::ACCEPTED);
    let after = late("the end of the cancelled call", call.next()).await;
    assert_eq!(after, None, "a response after the cancel");
    let cancelled = upstream.counts_reach("sleep", "cancel", |counts| counts.cancelled == 1);
    late("the cancel upstream", cancelled).await;
    upstream.cancellations_reach(1).await;
}

/// Asks at one replica and answers at another.
async fn asked(session: &Session, asking: &Endpoint, answering: &Endpoint) {
    let at = session.at(asking);
    let (_, mut call) = at.start_tool("ask", json!({"question": "which?"})).await;
    let question = call.expect("elicitation/create").await;
    let answer = json!({"action": "accept", "content": {"answer": "blue"}});
    let status = session.at(answering).respond(&question, answer).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let result = late("the result", call.result()).await;
    assert!(text_of(&result).contains("blue"), "{result}");
}

#[tokio::test]
async fn i1_without_messages_an_answer_arrives() {
    let (_upstream, fleet) = start().await;
    let [a, b, c] = &fleet.each();
    let session = Session::open_with(a, json!({"elicitation": {"form": {}}})).await;
    asked(&session, a, b).await;
    asked(&session, c, a).await;
}

#[tokio::test]
async fn i1_without_messages_a_stream_goes_on_elsewhere() {
    let (upstream, fleet) = start().await;
    let [a, b, c] = &fleet.each();
    let session = Session::open(a).await;
    let arguments = json!({"steps": 40, "interval_ms": 200, "tag": "stream"});
    let id = json!("stream");
    let mut call = Following::call(&session, &id, "sleep_with_progress", arguments).await;
    call.read_messages(2).await;
    let mut second = Following::resume(&session.at(b), &last_id(&call.seen)).await;
    // What was said after the client left is told while the call still runs.
    late("an event at another replica", second.read_messages(3)).await;
    let third = Following::resume(&session.at(c), &last_id(&second.seen)).await;
    let third = timeout(Duration::from_secs(8) + USUAL + 2 * RESYNC, third.finish());
    let third = third.await.expect("the end at another replica");
    let whole = [call.cut(), second.seen, third].concat();
    assert_progress_and_response(&whole, &id);
    assert_eq!(
        upstream.counts("sleep_with_progress", "stream").await.completed,
        1
    );
}

/// The URI of the next update on a GET stream.
async fn updated(stream: &mut Following) -> String {
    loop {
        let event = stream.next().await.expect("the stream goes on");
        let told = messages(&[event]);
        let update = told
            .iter()
            .find(|(_, message)| message["method"] == "notifications/resources/updated");
        if let Some((_, message)) = update {
            return message["params"]["uri"].as_str().unwrap().to_owned();
        }
    }
}

#[tokio::test]
async fn i1_without_messages_an_update_arrives_and_a_delete_closes_the_stream() {
    let (upstream, fleet) = start().await;
    let [a, b, c] = &fleet.each();
    let session = Session::open(a).await;
    let mut stream = Following::of(session.get().send().await);
    stream.next().await.expect("a priming event");
    let uri = "test://watched-resource";
    session
        .at(b)
        .result("resources/subscribe", json!({"uri": uri}))
        .await;
    upstream.control("resources/updated", json!({"uri": uri})).await;
    assert_eq!(late("the update", updated(&mut stream)).await, uri);
    assert_eq!(session.at(c).delete().await, StatusCode::NO_CONTENT);
    late("the end of the stream", stream.finish()).await;
}

#[tokio::test]
async fn i1_without_messages_a_changed_list_is_told() {
    let (upstream, fleet) = start().await;
    let [a, b, _] = &fleet.each();
    let session = Session::open(a).await;
    let mut stream = Following::of(session.get().send().await);
    stream.next().await.expect("a priming event");
    let added = json!({"name": "fresh", "description": "d"});
    upstream.control("tools/add", added).await;
    let changed = async {
        loop {
            let event = stream.next().await.expect("the stream goes on");
            let told = messages(&[event]);
            if told
                .iter()
                .any(|(_, told)| told["method"] == "notifications/tools/list_changed")
            {
                return;
            }
        }
    };
    late("the change of the list", changed).await;
    // Whoever was told finds it anywhere.
    let listed = session.at(b).result("tools/list", json!({})).await;
    let tools = listed["tools"].as_array().unwrap();
    assert!(tools.iter().any(|tool| tool["name"] == "fresh"), "{tools:?}");
}
