//! A question is asked on a stream of one replica and answered at another.

use std::collections::HashSet;

use futures_util::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};

use crate::support::fleet::{Fleet, FleetSettings};
use crate::support::gateway::Settings;
use crate::support::legacy::Session;
use crate::support::mcp::text_of;
use crate::support::upstream::Upstream;

/// A fleet whose upstream asks, and which has a tool of its own that asks.
async fn start() -> (Upstream, Fleet) {
    let upstream = Upstream::legacy().await;
    let schema = json!({"type": "object", "properties": {"answer": {"type": "string"}}});
    let ask = json!({"ask": {"message": "sure?", "schema": schema}});
    let settings = Settings::in_front_of(&upstream.url()).mock_tool_with(
        "confirm",
        "confirmed ${arguments.answer}",
        ask,
    );
    let fleet = FleetSettings::new(settings).start().await;
    (upstream, fleet)
}

fn everything() -> Value {
    json!({"elicitation": {"form": {}}, "sampling": {}, "roots": {}})
}

fn accepted(answer: &str) -> Value {
    json!({"action": "accept", "content": {"answer": answer}})
}

/// Whether an answer too many was taken for what it is: 404 would tell the client that its session is gone.
fn harmless(status: StatusCode) -> bool {
    !status.is_server_error() && status != StatusCode::NOT_FOUND
}

#[tokio::test]
async fn p1_a_question_of_the_upstream_is_answered_at_another_replica() {
    let (upstream, fleet) = start().await;
    let each = &fleet.each();
    let session = Session::open_with(&each[0], everything()).await;
    for (asking, answering) in [(0, 1), (0, 2), (1, 0), (2, 1), (1, 1)] {
        let tag = format!("p1 {asking} {answering}");
        let at = session.at(&each[asking]);
        let (_, mut call) = at
            .start_tool("ask", json!({"question": "which?", "tag": tag}))
            .await;
        let question = call.expect("elicitation/create").await;
        assert_eq!(question["params"]["message"], "which?");
        let status = session
            .at(&each[answering])
            .respond(&question, accepted(&tag))
            .await;
        assert_eq!(status, StatusCode::ACCEPTED);
        let result = call.result().await;
        assert!(text_of(&result).contains(&tag), "{result}");
        let counts = upstream.counts("ask", &tag).await;
        assert_eq!((counts.started, counts.completed), (1, 1));
    }
}

#[tokio::test]
async fn p1_a_question_of_the_gateway_is_answered_at_another_replica() {
    let (_upstream, fleet) = start().await;
    let each = &fleet.each();
    let session = Session::open_with(&each[0], everything()).await;
    for (asking, answering) in [(0, 1), (1, 2), (2, 0)] {
        let (_, mut call) = session.at(&each[asking]).start_tool("confirm", json!({})).await;
        let question = call.expect("elicitation/create").await;
        assert_eq!(question["params"]["message"], "sure?");
        let status = session
            .at(&each[answering])
            .respond(&question, accepted("blue"))
            .await;
        assert_eq!(status, StatusCode::ACCEPTED);
        assert_eq!(text_of(&call.result().await), "confirmed blue");
    }
}

#[tokio::test]
async fn p1_every_kind_of_question_may_be_answered_elsewhere() {
    let (_upstream, fleet) = start().await;
    let [a, b, c] = &fleet.each();
    let session = Session::open_with(a, everything()).await;

    let (_, mut call) = session
        .at(b)
        .start_tool("ask_sampling", json!({"question": "capital?"}))
        .await;
    let question = call.expect("sampling/createMessage").await;
    let sampled = json!({"role": "assistant", "model": "m", "stopReason": "endTurn",
        "content": {"type": "text", "text": "Paris"}});
    assert_eq!(
        session.at(c).respond(&question, sampled).await,
        StatusCode::ACCEPTED
    );
    assert_eq!(text_of(&call.result().await), "Paris");

    let (_, mut call) = session.at(b).start_tool("ask_roots", json!({})).await;
    let question = call.expect("roots/list").await;
    let roots = json!({"roots": [{"uri": "file:///project", "name": "project"}]});
    assert_eq!(
        session.at(a).respond(&question, roots).await,
        StatusCode::ACCEPTED
    );
    assert!(text_of(&call.result().await).contains("file:///project"));

    // An error of the client is an answer too.
    let (_, mut call) = session.at(b).start_tool("ask", json!({"question": "?"})).await;
    let question = call.expect("elicitation/create").await;
    let error = json!({"code": -32603, "message": "the window was closed"});
    let answer = json!({"jsonrpc": "2.0", "id": question["id"], "error": error});
    assert_eq!(session.at(c).send(&answer).await.status, StatusCode::ACCEPTED);
    let result = call.result().await;
    assert!(text_of(&result).contains("the window was closed"), "{result}");
}

#[tokio::test]
async fn p1_questions_of_several_replicas_have_different_ids() {
    let (_upstream, fleet) = start().await;
    let each = &fleet.each();
    let session = Session::open_with(&each[0], everything()).await;
    let mut open = Vec::new();
    for number in 0..6_usize {
        let tool = if number < 3 { "ask" } else { "confirm" };
        let at = session.at(&each[number % 3]);
        let (_, mut call) = at.start_tool(tool, json!({"question": number.to_string()})).await;
        let question = call.expect("elicitation/create").await;
        open.push((number, call, question));
    }
    let ids: HashSet<String> = open
        .iter()
        .map(|(_, _, question)| question["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 6, "{ids:?}");
    // Answered in another order than asked, each by the replica that has nothing to do with it.
    open.reverse();
    for (number, call, question) in open {
        let answer = accepted(&format!("for {number}"));
        let status = session
            .at(&each[(number + 1) % 3])
            .respond(&question, answer)
            .await;
        assert_eq!(status, StatusCode::ACCEPTED);
        let result = call.result().await;
        assert!(text_of(&result).contains(&format!("for {number}")), "{result}");
    }
}

#[tokio::test]
async fn p2_unknown_duplicate_and_late_answers_do_no_harm_anywhere() {
    let (upstream, fleet) = start().await;
    let [a, b, c] = &fleet.each();
    let session = Session::open_with(a, everything()).await;
    let stranger = Session::open_with(c, everything()).await;
    let (_, mut call) = session
        .start_tool("ask", json!({"question": "?", "tag": "p2"}))
        .await;
    let question = call.expect("elicitation/create").await;
    for id in [json!("never-asked"), json!(0), json!(1), json!(""), json!(null)] {
        for endpoint in [a, b, c] {
            let status = session
                .at(endpoint)
                .respond(&json!({"id": id}), accepted("wrong"))
                .await;
            assert!(harmless(status), "{id}: {status}");
        }
    }
    // The right id in another session is not the right question.
    let foreign = stranger.at(b).respond(&question, accepted("stranger")).await;
    assert!(harmless(foreign), "{foreign}");
    assert_eq!(
        session.at(b).respond(&question, accepted("first")).await,
        StatusCode::ACCEPTED
    );
    for endpoint in [c, b, a] {
        let status = session.at(endpoint).respond(&question, accepted("second")).await;
        assert!(harmless(status), "{status}");
    }
    let result = call.result().await;
    assert!(text_of(&result).contains("first"), "{result}");
    for endpoint in [c, b, a] {
        let status = session.at(endpoint).respond(&question, accepted("late")).await;
        assert!(harmless(status), "{status}");
    }
    let counts = upstream.counts("ask", "p2").await;
    assert_eq!((counts.started, counts.completed), (1, 1));
}

#[tokio::test]
async fn p2_of_answers_at_once_the_upstream_gets_one() {
    let (upstream, fleet) = start().await;
    let each = &fleet.each();
    let session = Session::open_with(&each[0], everything()).await;
    for round in 0..10 {
        let tag = format!("p2 {round}");
        let (_, mut call) = session
            .start_tool("ask", json!({"question": "?", "tag": tag}))
            .await;
        let question = &call.expect("elicitation/create").await;
        let answers = (0..6).map(async |number: usize| {
            let answer = accepted(&format!("answer {number}"));
            let status = session.at(&each[number % 3]).respond(question, answer).await;
            assert!(harmless(status), "{status}");
            status
        });
        let statuses = join_all(answers).await;
        assert!(statuses.contains(&StatusCode::ACCEPTED), "{statuses:?}");
        // `result` fails when anything follows the response.
        assert!(text_of(&call.result().await).contains("answer "));
        let counts = upstream.counts("ask", &tag).await;
        assert_eq!((counts.started, counts.completed), (1, 1));
    }
    let posted = upstream.stats().await["sessions"]["closed"].clone();
    assert_eq!(posted, 0, "an answer too many ended an upstream session");
}

#[tokio::test]
async fn p2_a_call_may_be_cancelled_elsewhere_while_its_question_is_open() {
    let (upstream, fleet) = start().await;
    let [a, b, c] = &fleet.each();
    let session = Session::open_with(a, everything()).await;
    let (id, mut call) = session
        .start_tool("ask", json!({"question": "?", "tag": "open"}))
        .await;
    let question = call.expect("elicitation/create").await;
    assert_eq!(session.at(b).cancel(&id).await, StatusCode::ACCEPTED);
    while let Some(message) = call.next().await {
        assert!(message.get("result").is_none(), "{message}");
    }
    upstream
        .counts_reach("ask", "open", |counts| counts.cancelled == 1)
        .await;
    let late = session.at(c).respond(&question, accepted("late")).await;
    assert!(harmless(late), "{late}");
}
