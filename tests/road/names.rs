//! Names from several upstreams: prefixes, clashes, filters.

use serde_json::json;

use crate::support::gateway::{Gateway, Settings};
use crate::support::legacy::Session;
use crate::support::mcp::{names, text_of};
use crate::support::recorder::Recorder;
use crate::support::upstream::Upstream;

async fn tool_names(gateway: &Gateway) -> Vec<String> {
    let session = Session::open(&gateway.endpoint).await;
    let list = session.result("tools/list", json!({})).await;
    names(&list["tools"])
}

fn tools(names: &[&str]) -> String {
    let tools: Vec<_> = names
        .iter()
        .map(|name| json!({"name": name, "inputSchema": {"type": "object"}}))
        .collect();
    json!(tools).to_string()
}

#[tokio::test]
async fn two_upstreams_with_prefixes_are_both_reached_under_their_own_names() {
    let left = Upstream::start_with(&["--era", "legacy", "--name", "left"]).await;
    let right = Upstream::start_with(&["--era", "legacy", "--name", "right"]).await;
    let gateway = Settings::new()
        .prefixed("left", &left.url(), "left_")
        .prefixed("right", &right.url(), "right_")
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    for side in ["left", "right"] {
        let result = session.tool(&format!("{side}_whoami"), json!({})).await;
        assert_eq!(result["structuredContent"]["name"], side);
        let params = json!({"name": format!("{side}_test_simple_prompt")});
        let prompt = session.result("prompts/get", params).await;
        assert_eq!(
            prompt["messages"][0]["content"]["text"],
            "This is a simple prompt for testing."
        );
        let params = json!({
            "ref": {"type": "ref/prompt", "name": format!("{side}_test_prompt_with_arguments")},
            "argument": {"name": "arg1", "value": "par"},
        });
        let completion = session.result("completion/complete", params).await;
        assert!(completion["completion"]["values"].is_array());
    }
    let found = tool_names(&gateway).await;
    assert!(
        found
            .iter()
            .all(|name| name.starts_with("left_") || name.starts_with("right_"))
    );
    let unprefixed = json!({"name": "whoami", "arguments": {}});
    let response = session.request("tools/call", unprefixed).await;
    assert_eq!(response["error"]["code"], -32602);
}

#[tokio::test]
async fn equal_names_are_refused_at_boot_with_both_owners_and_the_key_to_set() {
    let left = Recorder::with_tools(&tools(&["shared", "only_left"]), "{}").await;
    let right = Recorder::with_tools(&tools(&["shared", "only_right"]), "{}").await;
    let output = Settings::new()
        .federation("left", &left.url)
        .federation("right", &right.url)
        .refused()
        .await;
    for part in ["shared", "left", "right", "tool_prefix"] {
        assert!(output.contains(part), "{part} is not named: {output}");
    }
}

#[tokio::test]
async fn a_name_of_the_gateway_itself_and_of_an_upstream_is_refused_at_boot() {
    let recorder = Recorder::with_tools(&tools(&["hello"]), "{}").await;
    let output = Settings::in_front_of(&recorder.url)
        .mock_tool("hello", "hi")
        .refused()
        .await;
    for part in ["hello", "one", "tool_prefix"] {
        assert!(output.contains(part), "{part} is not named: {output}");
    }
}

#[tokio::test]
async fn include_and_exclude_choose_by_the_upstreams_own_names() {
    let recorder = Recorder::with_tools(
        &tools(&["read_file", "read_secret", "write_file", "list"]),
        r#"{"content":[]}"#,
    )
    .await;
    let filter = json!({"include": ["read_*", "list"], "exclude": ["*_secret"]});
    let more = json!({"filter": filter, "naming": {"tool_prefix": "fs_"}});
    let gateway = Settings::new()
        .federation_with("files", &recorder.url, more)
        .start()
        .await;
    let mut found = tool_names(&gateway).await;
    found.sort_unstable();
    assert_eq!(found, ["fs_list", "fs_read_file"]);
    let session = Session::open(&gateway.endpoint).await;
    for hidden in ["fs_read_secret", "fs_write_file", "write_file"] {
        let params = json!({"name": hidden, "arguments": {}});
        let response = session.request("tools/call", params).await;
        assert_eq!(response["error"]["code"], -32602, "{hidden} can be called");
    }
    assert_eq!(recorder.seen_of("tools/call").len(), 0);
}

#[tokio::test]
async fn what_is_not_imported_is_not_offered() {
    let upstream = Upstream::legacy().await;
    let gateway = Settings::new()
        .federation_with("one", &upstream.url(), json!({"import": {"prompts": false}}))
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    assert_eq!(session.greeting["capabilities"].get("prompts"), None);
    let response = session
        .request("prompts/get", json!({"name": "test_simple_prompt"}))
        .await;
    assert!(response.get("result").is_none(), "{response}");
    assert_eq!(
        text_of(&session.tool("echo", json!({"message": "hi"})).await),
        "hi"
    );
}

#[tokio::test]
async fn of_equal_resource_addresses_the_first_in_the_file_wins() {
    let first = Upstream::start_with(&["--era", "legacy", "--name", "first"]).await;
    let second = Upstream::start_with(&["--era", "legacy", "--name", "second"]).await;
    let gateway = Settings::new()
        .prefixed("first", &first.url(), "a_")
        .prefixed("second", &second.url(), "b_")
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let list = session.result("resources/list", json!({})).await;
    let resources = list["resources"].as_array().unwrap();
    let equal = |resource: &&serde_json::Value| resource["uri"] == "test://static-text";
    assert_eq!(resources.iter().filter(equal).count(), 1);
    let params = json!({"uri": "test://static-text"});
    session.result("resources/read", params).await;
    assert_eq!(first.stats().await["requests"]["resources/read"], 1);
    assert_eq!(second.stats().await["requests"].get("resources/read"), None);
    assert!(
        gateway.program.output().contains("test://static-text"),
        "no warning names the address"
    );
}
