//! Invariant I1: every message between replicas is lost, and everything arrives all the same, one or two looks later.

use std::future::Future;
use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use tokio::time::timeout;

use crate::support::fleet::{Fleet, FleetSettings};
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
    assert_eq!(upstream.cancellations().await.len(), 1);
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
