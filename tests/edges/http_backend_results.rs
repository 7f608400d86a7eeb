//! What becomes of the answers of a web server.

use serde_json::{Value, json};

use super::backend_calls::{call, failure, with_tools};
use super::http_backend::tool;
use super::web_server::WebServer;
use crate::support::gateway::Settings;
use crate::support::legacy::Session;
use crate::support::mcp::text_of;
use crate::support::modern::Client;

#[tokio::test]
async fn a_status_that_is_not_expected_is_a_failure_with_the_beginning_of_the_body() {
    let server = WebServer::start().await;
    let headers = json!({"authorization": "Bearer s3cret"});
    let tools = vec![
        tool("missing", &server.url("/status/404"), json!({"headers": headers})),
        tool(
            "fine",
            &server.url("/status/404"),
            json!({"expected_status_codes": ["200..=299", 404]}),
        ),
        tool(
            "strict",
            &server.url("/"),
            json!({"expected_status_codes": [201]}),
        ),
        tool("moved", &server.url("/status/304"), json!({})),
    ];
    let gateway = with_tools(tools).await;
    let host = format!("127.0.0.1:{}", server.port());
    assert_eq!(
        failure(&gateway, "missing", json!({})).await,
        format!("{host} answered with status 404 Not Found:\nthis is 404 Not Found")
    );
    assert_eq!(
        text_of(&call(&gateway, "fine", json!({})).await),
        "this is 404 Not Found"
    );
    let strict = failure(&gateway, "strict", json!({})).await;
    assert!(
        strict.starts_with(&format!("{host} answered with status 200 OK:\n{{")),
        "{strict}"
    );
    let moved = failure(&gateway, "moved", json!({})).await;
    assert_eq!(moved, format!("{host} answered with status 304 Not Modified"));
    assert!(!gateway.program.output().contains("s3cret"));
}

#[tokio::test]
async fn only_the_beginning_of_a_long_failure_is_told() {
    let server = WebServer::start().await;
    let more = json!({"expected_status_codes": [418]});
    let gateway = with_tools(vec![tool("long", &server.url("/bytes/100000"), more)]).await;
    let why = failure(&gateway, "long", json!({})).await;
    assert!(why.len() < 1200 && why.ends_with("xx…"), "{}", why.len());
}

#[tokio::test]
async fn an_expression_makes_the_result() {
    let server = WebServer::start().await;
    let url = server.url("/x?n=7");
    let expressions = [
        (
            "text",
            "json.method + ' ' + string(status) + ' ' + headers['x-served-by']",
            "GET 200 test",
        ),
        (
            "list",
            "[json.method, json.target.split('=')[1]]",
            r#"["GET","7"]"#,
        ),
        (
            "map",
            "{'b': 2 > 1, 'a': null, 'c': 1.5 + 1.0}",
            r#"{"a":null,"b":true,"c":2.5}"#,
        ),
        ("raw", "text.contains('GET') ? 'yes' : 'no'", "yes"),
        ("number", "int(json.target.split('=')[1]) + 1", "8"),
    ];
    let tools = expressions.map(|(name, result, _)| tool(name, &url, json!({"result": result})));
    let gateway = with_tools(tools.to_vec()).await;
    for (name, _, expected) in expressions {
        let result = call(&gateway, name, json!({})).await;
        assert_eq!(text_of(&result), expected, "{name}");
        assert_eq!(
            result.get("structuredContent"),
            None,
            "{name}: no structure was promised"
        );
    }
}

#[tokio::test]
async fn an_expression_that_fails_says_why() {
    let server = WebServer::start().await;
    let tools = vec![
        tool("key", &server.url("/"), json!({"result": "json.nothing"})),
        tool("no_json", &server.url("/bytes/3"), json!({"result": "json.a"})),
        tool("null", &server.url("/bytes/3"), json!({"result": "json == null"})),
    ];
    let gateway = with_tools(tools).await;
    let why = failure(&gateway, "key", json!({})).await;
    assert_eq!(
        why,
        "the `result` expression fails for this answer: No such key: nothing"
    );
    let why = failure(&gateway, "no_json", json!({})).await;
    assert!(
        why.starts_with("the `result` expression fails for this answer: "),
        "{why}"
    );
    assert_eq!(text_of(&call(&gateway, "null", json!({})).await), "true");
}

#[tokio::test]
async fn a_promised_structure_is_checked_and_sent_in_both_forms() {
    let server = WebServer::start().await;
    let schema =
        json!({"type": "object", "required": ["method"], "properties": {"method": {"enum": ["GET"]}}});
    let mut tools = vec![
        tool("fits", &server.url("/"), json!({})),
        tool(
            "mapped",
            &server.url("/"),
            json!({"result": "{'method': json.method}"}),
        ),
        tool("other", &server.url("/"), json!({"method": "post"})),
        tool("no_json", &server.url("/bytes/3"), json!({})),
    ];
    for tool in &mut tools {
        tool["output_schema"] = schema.clone();
    }
    let gateway = with_tools(tools).await;
    let mapped = call(&gateway, "mapped", json!({})).await;
    assert_eq!(mapped["structuredContent"], json!({"method": "GET"}));
    assert_eq!(text_of(&mapped), r#"{"method":"GET"}"#);
    let fits = Session::open(&gateway.endpoint)
        .await
        .tool("fits", json!({}))
        .await;
    assert_eq!(fits["structuredContent"]["target"], "/");
    let oldest = Session::open_as(&gateway.endpoint, "2025-03-26", json!({})).await;
    let old = oldest.tool("mapped", json!({})).await;
    assert_eq!(
        (text_of(&old), old.get("structuredContent")),
        (r#"{"method":"GET"}"#, None)
    );
    assert_eq!(
        failure(&gateway, "other", json!({})).await,
        "the result does not fit the output schema of the tool:\n- /method: \"POST\" is not one of \"GET\""
    );
    assert_eq!(
        failure(&gateway, "no_json", json!({})).await,
        "the result is no JSON, which the output schema of the tool promises"
    );
}

#[tokio::test]
async fn a_body_that_is_no_text_is_shown_as_far_as_it_is() {
    let server = WebServer::start().await;
    let tools = vec![
        tool("latin", &server.url("/raw/"), json!({})),
        tool("packed", &server.url("/encoded/"), json!({})),
    ];
    let gateway = with_tools(tools).await;
    let result = call(&gateway, "latin", json!({})).await;
    assert_eq!(text_of(&result), "caf\u{fffd}");
    let note = result["content"][1]["text"].as_str().unwrap();
    assert!(note.contains("not valid UTF-8"), "{note}");
    let why = failure(&gateway, "packed", json!({})).await;
    assert!(
        why.ends_with("sends a body in the encoding gzip, which was not asked for"),
        "{why}"
    );
}

#[tokio::test]
async fn prompts_and_resources_are_answered_by_a_server() {
    let server = WebServer::start().await;
    let backend = |path: &str| json!({"kind": "http", "url": server.url(path), "allow_private": true, "result": "json.target"});
    let broken = json!({"kind": "http", "url": server.url("/status/500"), "allow_private": true});
    let capabilities = json!({
        "prompts": [
            {"name": "review", "description": "d", "arguments": [{"name": "topic"}], "backend": backend("/p/${arguments.topic}")},
            {"name": "broken", "backend": broken},
        ],
        "resources": [
            {"uri": "note://one", "mime_type": "text/plain", "backend": backend("/r")},
            {"uri": "note://broken", "backend": broken},
        ],
        "resource_templates": [{"uri_template": "note://{id}/text", "backend": backend("/t/${arguments.id}")}],
    });
    let gateway = Settings::new()
        .block("mcp", json!({"capabilities": capabilities}))
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let client = Client::new(&gateway.endpoint);
    let ask = async |method: &str, params: Value| {
        let legacy = session.result(method, params.clone()).await;
        let modern = client.result(method, params).await;
        assert_eq!(modern["contents"], legacy["contents"], "{method}");
        assert_eq!(modern["messages"], legacy["messages"], "{method}");
        legacy
    };
    let params = json!({"name": "review", "arguments": {"topic": "a/b"}});
    let prompt = ask("prompts/get", params).await;
    assert_eq!(prompt["messages"][0]["role"], "user");
    assert_eq!(prompt["messages"][0]["content"]["text"], "/p/a%2Fb");
    let fixed = ask("resources/read", json!({"uri": "note://one"})).await;
    assert_eq!(
        fixed["contents"][0],
        json!({"uri": "note://one", "mimeType": "text/plain", "text": "/r"})
    );
    let templated = ask("resources/read", json!({"uri": "note://7/text"})).await;
    assert_eq!(templated["contents"][0]["text"], "/t/7");

    let params = json!({"name": "broken"});
    let error = session.request("prompts/get", params).await["error"].clone();
    assert_eq!(
        (&error["code"], &error["data"]["reason"]),
        (&json!(-32603), &json!("backend_failed"))
    );
    assert!(
        error["message"].as_str().unwrap().contains("status 500"),
        "{error}"
    );
    let error = session
        .request("resources/read", json!({"uri": "note://broken"}))
        .await["error"]
        .clone();
    assert_eq!(error["data"]["reason"], "backend_failed", "{error}");
}
