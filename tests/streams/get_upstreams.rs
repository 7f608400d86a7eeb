//! The GET streams of upstream sessions: read once for the fleet, taken over, and asked on.

use http::StatusCode;
use serde_json::{Value, json};

use super::get_streams::{capable, listening, logged, open, talking};
use crate::support::deadline::until_true;
use crate::support::fleet::FleetSettings;
use crate::support::following::messages;
use crate::support::legacy::Session;
use crate::support::talker::Talker;

async fn read_anew(talker: &Talker, before: usize) {
    until_true("the upstream's stream is read by another replica", async || {
        talker.gets_of_clients().len() > before
    })
    .await;
}

#[tokio::test]
async fn an_7_the_stream_of_an_upstream_is_taken_over_where_it_stopped() {
    let (talker, mut fleet) = talking().await;
    let [a, b, _] = fleet.each();
    let session = listening(&talker, &a).await;
    let mut stream = open(&session.at(&b)).await;
    talker.log("1");
    stream.read_messages(1).await;
    assert_eq!(talker.gets_of_clients(), [None], "one replica reads it");
    fleet.replicas[0].kill();
    talker.log("2");
    read_anew(&talker, 1).await;
    talker.log("3");
    stream.read_messages(3).await;
    assert_eq!(logged(&stream), ["1", "2", "3"]);
    assert_eq!(talker.gets_of_clients()[1].as_deref(), Some("1"));
}

#[tokio::test]
async fn a_stream_that_somebody_else_reads_is_tried_again() {
    let talker = Talker::start().await;
    let fleet = FleetSettings::in_front_of(&talker.url).start().await;
    let [a, b, _] = &fleet.each();
    talker.be_busy(true);
    let session = Session::open_with(a, capable()).await;
    let before = talker.refused();
    session.tool("fixed", json!({})).await;
    until_true("the stream was refused twice", async || {
        talker.refused() > before + 1
    })
    .await;
    talker.be_busy(false);
    read_anew(&talker, 0).await;
    let mut stream = open(&session.at(b)).await;
    talker.log("1");
    stream.read_messages(1).await;
    assert_eq!(logged(&stream), ["1"]);
}

#[tokio::test]
async fn p1_a_question_outside_of_any_call_is_answered_at_another_replica() {
    let (talker, fleet) = talking().await;
    let [a, b, c] = &fleet.each();
    let session = listening(&talker, a).await;
    let mut stream = open(&session.at(b)).await;
    for id in [json!(1), json!("1")] {
        let before = messages(&stream.seen).len();
        talker.ask(&id, "sure?");
        stream.read_messages(before + 1).await;
        let (_, question) = messages(&stream.seen).pop().unwrap();
        assert_eq!(question["method"], "elicitation/create");
        assert_eq!(question["params"]["message"], "sure?");
        assert!(question["id"].as_str().unwrap().starts_with("g."), "{question}");
        let result = json!({"action": "accept", "content": {}});
        assert_eq!(
            session.at(c).respond(&question, result.clone()).await,
            StatusCode::ACCEPTED
        );
        let other = json!({"action": "decline"});
        assert_eq!(
            session.at(b).respond(&question, other).await,
            StatusCode::ACCEPTED
        );
        let answers = || answers_to(&talker, &id);
        until_true("the upstream got the answer", async || !answers().is_empty()).await;
        assert_eq!(answers()[0]["result"], result);
    }
    // The gateway's own sessions have nobody to ask, and each question was answered once for the client.
    assert_eq!(answers_to(&talker, &json!(1)).len(), 1);
}

/// The answers of clients: what the gateway's own sessions say to a question is an error.
fn answers_to(talker: &Talker, id: &Value) -> Vec<Value> {
    let mut answers = talker.answers();
    answers.retain(|answer| answer["id"] == *id && answer.get("result").is_some());
    answers
}

#[tokio::test]
async fn an_6_an_answer_that_was_taken_outlives_the_replica_that_is_to_pass_it_on() {
    let (talker, mut fleet) = talking().await;
    let [a, b, c] = fleet.each();
    let session = listening(&talker, &a).await;
    let mut stream = open(&session.at(&b)).await;
    talker.ask(&json!(7), "sure?");
    stream.read_messages(1).await;
    let (_, question) = messages(&stream.seen).pop().unwrap();
    // The replica that reads the upstream's stream dies before the answer comes.
    fleet.replicas[0].kill();
    let result = json!({"action": "accept", "content": {}});
    assert_eq!(
        session.at(&c).respond(&question, result.clone()).await,
        StatusCode::ACCEPTED
    );
    until_true("the upstream got the answer", async || {
        !answers_to(&talker, &json!(7)).is_empty()
    })
    .await;
    assert_eq!(answers_to(&talker, &json!(7))[0]["result"], result);
}
