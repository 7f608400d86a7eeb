//! Questions of an upstream to the client: asked on the call's stream, answered by another POST.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::gateway::{Gateway, Settings};
use crate::support::legacy::Session;
use crate::support::mcp::text_of;
use crate::support::upstream::Upstream;

async fn pair() -> (Upstream, Gateway) {
    let upstream = Upstream::legacy().await;
    let gateway = Settings::in_front_of(&upstream.url()).start().await;
    (upstream, gateway)
}

fn everything() -> Value {
    json!({"elicitation": {"form": {}}, "sampling": {}, "roots": {}})
}

fn accepted(answer: &str) -> Value {
    json!({"action": "accept", "content": {"answer": answer}})
}

#[tokio::test]
async fn an_elicitation_is_answered_by_another_post() {
    let (_upstream, gateway) = pair().await;
    let session = Session::open_with(&gateway.endpoint, everything()).await;
    let (_, mut call) = session
        .start_tool("ask", json!({"question": "which colour?"}))
        .await;
    assert!(call.streamed);
    let question = call.expect("elicitation/create").await;
    assert_eq!(question["params"]["message"], "which colour?");
    assert_eq!(
        question["params"]["requestedSchema"]["required"],
        json!(["answer"])
    );
    let status = session.respond(&question, accepted("blue")).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let result = call.result().await;
    assert_eq!(text_of(&result), r#"action=accept, content={"answer":"blue"}"#);
}

#[tokio::test]
async fn a_legacy_client_never_sees_the_unfinished_result_of_a_modern_upstream() {
    let upstream = Upstream::start_with(&["--era", "modern"]).await;
    let gateway = Settings::in_front_of(&upstream.url()).start().await;
    let session = Session::open_with(&gateway.endpoint, everything()).await;
    for tool in ["ask", "test_input_required_result_elicitation"] {
        let params = json!({"name": tool, "arguments": {"question": "?"}});
        let response = session.request("tools/call", params).await;
        let text = response.to_string();
        assert!(
            !text.contains("input_required") && !text.contains("inputRequests"),
            "{tool}: {text}"
        );
        let failed = response["error"].is_object() || response["result"]["isError"] == true;
        assert!(failed, "{tool}: {text}");
    }
}

#[tokio::test]
async fn a_refusal_reaches_the_upstream() {
    let (_upstream, gateway) = pair().await;
    let session = Session::open_with(&gateway.endpoint, everything()).await;
    let (_, mut call) = session.start_tool("ask", json!({"question": "?"})).await;
    let question = call.expect("elicitation/create").await;
    session.respond(&question, json!({"action": "decline"})).await;
    assert!(text_of(&call.result().await).starts_with("action=decline"));
}

#[tokio::test]
async fn an_error_of_the_client_reaches_the_upstream() {
    let (_upstream, gateway) = pair().await;
    let session = Session::open_with(&gateway.endpoint, everything()).await;
    let (_, mut call) = session.start_tool("ask", json!({"question": "?"})).await;
    let question = call.expect("elicitation/create").await;
    let error = json!({"code": -32603, "message": "the window was closed"});
    let answer = json!({"jsonrpc": "2.0", "id": question["id"], "error": error});
    assert_eq!(session.send(&answer).await.status, StatusCode::ACCEPTED);
    let result = call.result().await;
    assert_eq!(result["isError"], true);
    assert!(text_of(&result).contains("the window was closed"), "{result}");
}

#[tokio::test]
async fn sampling_and_roots_are_asked_and_answered() {
    let (_upstream, gateway) = pair().await;
    let session = Session::open_with(&gateway.endpoint, everything()).await;

    let (_, mut call) = session
        .start_tool("ask_sampling", json!({"question": "capital?"}))
        .await;
    let question = call.expect("sampling/createMessage").await;
    assert_eq!(question["params"]["messages"][0]["content"]["text"], "capital?");
    assert_eq!(question["params"]["maxTokens"], 100);
    let sampled = json!({"role": "assistant", "model": "m", "stopReason": "endTurn",
        "content": {"type": "text", "text": "Paris"}});
    assert_eq!(session.respond(&question, sampled).await, StatusCode::ACCEPTED);
    assert_eq!(text_of(&call.result().await), "Paris");

    let (_, mut call) = session.start_tool("ask_roots", json!({})).await;
    let question = call.expect("roots/list").await;
    let roots = json!({"roots": [{"uri": "file:///project", "name": "project"}]});
    assert_eq!(session.respond(&question, roots).await, StatusCode::ACCEPTED);
    assert!(text_of(&call.result().await).contains("file:///project"));
}

#[tokio::test]
async fn duplicate_and_unknown_answers_do_no_harm() {
    let (upstream, gateway) = pair().await;
    let session = Session::open_with(&gateway.endpoint, everything()).await;
    let (_, mut call) = session
        .start_tool("ask", json!({"question": "?", "tag": "dup"}))
        .await;
    let question = call.expect("elicitation/create").await;
    for id in [json!("never-asked"), json!(0), json!(1), json!("")] {
        let status = session.respond(&json!({"id": id}), accepted("wrong")).await;
        assert!(!status.is_server_error(), "{id}: {status}");
    }
    assert_eq!(
        session.respond(&question, accepted("first")).await,
        StatusCode::ACCEPTED
    );
    let second = session.respond(&question, accepted("second")).await;
    assert!(!second.is_server_error(), "{second}");
    assert!(text_of(&call.result().await).contains("first"));
    let late = session.respond(&question, accepted("late")).await;
    assert!(!late.is_server_error(), "{late}");
    let counts = upstream.counts("ask", "dup").await;
    assert_eq!((counts.started, counts.completed), (1, 1));
    assert_eq!(
        text_of(&session.tool("echo", json!({"message": "on"})).await),
        "on"
    );
}

#[tokio::test]
async fn an_answer_from_another_session_is_not_taken() {
    let (_upstream, gateway) = pair().await;
    let asked = Session::open_with(&gateway.endpoint, everything()).await;
    let stranger = Session::open_with(&gateway.endpoint, everything()).await;
    let (_, mut call) = asked.start_tool("ask", json!({"question": "?"})).await;
    let question = call.expect("elicitation/create").await;
    stranger.respond(&question, accepted("stranger")).await;
    assert_eq!(
        asked.respond(&question, accepted("owner")).await,
        StatusCode::ACCEPTED
    );
    assert!(text_of(&call.result().await).contains("owner"));
}

#[tokio::test]
async fn two_questions_at_once_get_their_own_answers() {
    let (_upstream, gateway) = pair().await;
    let session = Session::open_with(&gateway.endpoint, everything()).await;
    let (_, mut first) = session.start_tool("ask", json!({"question": "one"})).await;
    let (_, mut second) = session.start_tool("ask", json!({"question": "two"})).await;
    let one = first.expect("elicitation/create").await;
    let two = second.expect("elicitation/create").await;
    assert_eq!(one["params"]["message"], "one");
    assert_eq!(two["params"]["message"], "two");
    assert_ne!(one["id"], two["id"], "both questions have the same id");
    session.respond(&two, accepted("for two")).await;
    session.respond(&one, accepted("for one")).await;
    assert!(text_of(&first.result().await).contains("for one"));
    assert!(text_of(&second.result().await).contains("for two"));
}

#[tokio::test]
async fn a_client_without_the_capability_is_never_asked() {
    let (_upstream, gateway) = pair().await;
    let session = Session::open(&gateway.endpoint).await;
    for tool in ["ask", "ask_sampling", "ask_roots"] {
        let (_, call) = session.start_tool(tool, json!({"question": "?"})).await;
        let finished = call.finish().await;
        assert_eq!(finished.before, Vec::<Value>::new(), "{tool}");
    }
}

#[tokio::test]
async fn a_call_may_be_cancelled_while_its_question_is_open() {
    let (upstream, gateway) = pair().await;
    let session = Session::open_with(&gateway.endpoint, everything()).await;
    let (id, mut call) = session
        .start_tool("ask", json!({"question": "?", "tag": "open"}))
        .await;
    let question = call.expect("elicitation/create").await;
    assert_eq!(session.cancel(&id).await, StatusCode::ACCEPTED);
    while let Some(message) = call.next().await {
        assert!(message.get("result").is_none(), "{message}");
    }
    upstream
        .counts_reach("ask", "open", |counts| counts.cancelled == 1)
        .await;
    let late = session.respond(&question, accepted("late")).await;
    assert!(!late.is_server_error(), "{late}");
}

#[tokio::test]
async fn a_mock_that_asks_uses_the_same_road() {
    let schema = json!({"type": "object", "properties": {"ok": {"type": "boolean"}}});
    let gateway = Settings::new()
        .mock_tool_with(
            "confirm",
            "done",
            json!({"ask": {"message": "sure?", "schema": schema}}),
        )
        .start()
        .await;
    let session = Session::open_with(&gateway.endpoint, everything()).await;
    let (_, mut call) = session.start_tool("confirm", json!({})).await;
    let question = call.expect("elicitation/create").await;
    assert_eq!(question["params"]["message"], "sure?");
    assert_eq!(question["params"]["requestedSchema"], schema);
    let yes = json!({"action": "accept", "content": {"ok": true}});
    assert_eq!(session.respond(&question, yes).await, StatusCode::ACCEPTED);
    assert_eq!(text_of(&call.result().await), "done");
}
