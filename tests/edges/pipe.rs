//! One client over standard input and output, in both eras.

use serde_json::{Value, json};

use crate::support::gateway::Settings;
use crate::support::mcp::{names, text_of};
use crate::support::modern;
use crate::support::pipe::Pipe;
use crate::support::processes::signal;
use crate::support::upstream::Upstream;

const LEGACY: &str = "2025-11-25";

fn modern_params(mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": modern::REVISION,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    params
}

fn tool(name: &str, arguments: impl Into<Value>) -> Value {
    json!({"name": name, "arguments": arguments.into()})
}

#[tokio::test]
async fn legacy_session_over_a_pipe() {
    let upstream = Upstream::legacy().await;
    let mut pipe = Pipe::start(&Settings::in_front_of(&upstream.url()).mock_tool("own", "mine"));
    let greeting = pipe.initialize(LEGACY, json!({})).await;
    assert_eq!(greeting["protocolVersion"], LEGACY);
    let listed = pipe.request(json!(1), "tools/list", json!({})).await;
    let listed = names(&listed["result"]["tools"]);
    assert!(
        listed.contains(&"own".to_owned()) && listed.contains(&"echo".to_owned()),
        "{listed:?}"
    );
    let echoed = pipe
        .request(
            json!("two"),
            "tools/call",
            tool("echo", json!({"message": "a\nb"})),
        )
        .await;
    assert_eq!(text_of(&echoed["result"]), "a\nb");
    let again = pipe
        .request(json!(3), "initialize", json!({"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}))
        .await;
    assert_eq!(again["error"]["code"], -32600);
    let ended = pipe.close().await;
    assert!(ended.status.success() && ended.rest.is_empty(), "{}", ended.log);
    // The session of the pipe ends with it, and with that what was opened for it upstream.
    let sessions = &upstream.stats().await["sessions"];
    assert_eq!(
        sessions["opened"].as_u64(),
        sessions["closed"].as_u64(),
        "{sessions}"
    );
}

#[tokio::test]
async fn modern_requests_over_a_pipe_stand_for_themselves() {
    let settings = Settings::new().mock_tool("own", "mine");
    let mut pipe = Pipe::start_with(&settings.server("transport", "stdio"), &[]);
    let about = pipe
        .request(json!("d"), "server/discover", modern_params(json!({})))
        .await;
    assert_eq!(about["result"]["resultType"], "complete");
    let called = pipe
        .request(json!(1), "tools/call", modern_params(tool("own", json!({}))))
        .await;
    assert_eq!(text_of(&called["result"]), "mine");
    // The same pipe may fall back to the legacy era, and both go on side by side.
    pipe.initialize(LEGACY, json!({})).await;
    for params in [tool("own", json!({})), modern_params(tool("own", json!({})))] {
        let called = pipe.request(json!(2), "tools/call", params.clone()).await;
        let is_modern = params["_meta"].is_object();
        assert_eq!(called["result"]["resultType"].is_string(), is_modern, "{called}");
    }
    assert!(pipe.close().await.status.success());
}

#[tokio::test]
async fn before_initialize_only_a_ping_is_answered() {
    let mut pipe = Pipe::start(&Settings::new().mock_tool("own", "mine"));
    let pong = pipe.request(json!(1), "ping", json!({})).await;
    assert_eq!(pong["result"], json!({}));
    let refused = pipe.request(json!(2), "tools/list", json!({})).await;
    assert_eq!(
        refused["error"]["message"].as_str().unwrap(),
        "invalid request: initialize first, or send the metadata of a modern request"
    );
    assert!(pipe.close().await.status.success());
}

#[tokio::test]
async fn what_is_no_message_is_answered_and_the_pipe_goes_on() {
    let mut pipe = Pipe::start(&Settings::new().server("max_request_body_mb", 1));
    pipe.send_text("").await;
    for (line, code, id) in [
        ("no json", -32700, json!(null)),
        (r#"{"jsonrpc":"2.0","id":7,"method":5}"#, -32600, json!(7)),
        ("[]", -32600, json!(null)),
        (
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
            -32600,
            json!(null),
        ),
    ] {
        pipe.send_text(line).await;
        let answer = pipe.next().await;
        assert_eq!(
            (&answer["error"]["code"], &answer["id"]),
            (&json!(code), &id),
            "{line}: {answer}"
        );
    }
    pipe.send_text(&"x".repeat(2_000_000)).await;
    let refused = pipe.next().await;
    let why = refused["error"]["message"].as_str().unwrap();
    assert!(why.contains("gateway.server.max_request_body_mb"), "{why}");
    assert!(pipe.request(json!(1), "ping", json!({})).await["result"].is_object());
}

#[tokio::test]
async fn progress_and_a_question_travel_over_the_pipe() {
    let upstream = Upstream::legacy().await;
    let mut pipe = Pipe::start(&Settings::in_front_of(&upstream.url()));
    pipe.initialize(LEGACY, json!({"elicitation": {}})).await;
    let mut params = tool("sleep_with_progress", json!({"steps": 3, "interval_ms": 20}));
    params["_meta"] = json!({"progressToken": "p"});
    pipe.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}))
        .await;
    for step in 1..=3 {
        let progress = pipe.next().await;
        assert_eq!(progress["method"], "notifications/progress", "{progress}");
        assert_eq!(progress["params"]["progressToken"], "p");
        assert_eq!(progress["params"]["progress"].as_f64(), Some(f64::from(step)));
    }
    assert_eq!(pipe.next().await["id"], 1);
    pipe.send(&json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call",
        "params": tool("ask", json!({"question": "which colour?"}))}))
        .await;
    let question = pipe.next().await;
    assert_eq!(question["method"], "elicitation/create", "{question}");
    let answer = json!({"action": "accept", "content": {"answer": "blue"}});
    pipe.send(&json!({"jsonrpc": "2.0", "id": question["id"], "result": answer}))
        .await;
    let answered = pipe.next().await;
    assert!(text_of(&answered["result"]).contains("blue"), "{answered}");
}

#[tokio::test]
async fn a_cancel_ends_a_call_of_either_era_without_an_answer() {
    let upstream = Upstream::start().await;
    let mut pipe = Pipe::start(&Settings::in_front_of(&upstream.url()));
    pipe.initialize(LEGACY, json!({})).await;
    for (tag, modern) in [("legacy", false), ("modern", true)] {
        let mut params = tool("sleep", json!({"ms": 20_000, "tag": tag}));
        if modern {
            params = modern_params(params);
        }
        pipe.send(&json!({"jsonrpc": "2.0", "id": tag, "method": "tools/call", "params": params}))
            .await;
        upstream
            .counts_reach("sleep", tag, |counts| counts.started == 1)
            .await;
        pipe.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
            "params": {"requestId": tag}}))
            .await;
        upstream
            .counts_reach("sleep", tag, |counts| counts.cancelled == 1)
            .await;
    }
    // Nothing of the two calls comes before what is asked next.
    assert!(pipe.request(json!("after"), "ping", json!({})).await["result"].is_object());
    let ended = pipe.close().await;
    assert!(ended.rest.is_empty(), "{:?}", ended.rest);
}

#[tokio::test]
async fn an_id_that_is_in_use_is_refused() {
    let mut pipe = Pipe::start(&Settings::new().mock_tool_with("slow", "done", json!({"delay_ms": 500})));
    pipe.initialize(LEGACY, json!({})).await;
    for params in [tool("slow", json!({})), modern_params(tool("slow", json!({})))] {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        pipe.send(&call).await;
        pipe.send(&call).await;
        let refused = pipe.next().await;
        let why = refused["error"]["message"].as_str().unwrap_or_default();
        assert!(why.contains("id 1 is still in use"), "{refused}");
        assert_eq!(text_of(&pipe.next().await["result"]), "done");
    }
}

#[tokio::test]
async fn batches_are_answered_in_one_line_where_the_revision_has_them() {
    let mut pipe = Pipe::start(&Settings::new().mock_tool("own", "mine"));
    pipe.initialize("2025-03-26", json!({})).await;
    pipe.send(&json!([
        {"jsonrpc": "2.0", "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 99}},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": tool("own", json!({}))},
    ]))
    .await;
    let answers = pipe.next().await;
    let answers = answers.as_array().unwrap();
    let ids: Vec<&Value> = answers.iter().map(|answer| &answer["id"]).collect();
    assert_eq!(ids, [&json!(1), &json!(2)]);
    assert!(pipe.close().await.rest.is_empty());
}

#[tokio::test]
async fn calls_that_run_when_the_client_closes_the_pipe_are_still_answered() {
    let settings = Settings::new().mock_tool_with("slow", "done", json!({"delay_ms": 300}));
    let mut pipe = Pipe::start(&settings);
    pipe.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": modern_params(tool("slow", json!({})))}))
        .await;
    let ended = pipe.close().await;
    assert!(ended.status.success());
    assert_eq!(ended.rest.len(), 1, "{:?}", ended.rest);
    assert!(ended.rest[0].contains("done"));
}

#[tokio::test]
async fn a_signal_ends_it_and_nothing_but_messages_was_on_standard_output() {
    let settings = Settings::new().mock_tool("own", "mine").operators();
    let mut pipe = Pipe::start(&settings);
    assert!(pipe.request(json!(1), "ping", json!({})).await["result"].is_object());
    signal(pipe.pid(), "TERM");
    let ended = pipe.ended().await;
    assert!(ended.status.success(), "{}", ended.log);
    assert!(ended.rest.is_empty(), "{:?}", ended.rest);
    assert!(ended.log.contains("Serving standard input."), "{}", ended.log);
}

#[tokio::test]
async fn the_configuration_cannot_come_from_the_pipe_too() {
    let mut command = crate::support::gateway::command();
    let refused = command
        .args(["--stdio", "--config", "-"])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&refused.stderr),
        "mcpg: standard input cannot be the configuration and the client at once\n      \
         pass the configuration as a file when the client speaks over standard input\n"
    );
}
