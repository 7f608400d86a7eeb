//! What the gateway offers: lists, pages, resources, prompts and completions.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::deadline::until_true;
use crate::support::gateway::{Gateway, Settings};
use crate::support::legacy::Session;
use crate::support::mcp::{names, text_of};
use crate::support::recorder::Recorder;
use crate::support::upstream::Upstream;

async fn pair() -> (Upstream, Gateway) {
    let upstream = Upstream::legacy().await;
    let gateway = Settings::in_front_of(&upstream.url()).start().await;
    (upstream, gateway)
}

/// Every page of a list, joined; each page is followed by its own cursor.
async fn whole_list(session: &Session, method: &str, key: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut params = json!({});
    loop {
        let page = session.result(method, params).await;
        items.extend(page[key].as_array().expect("a page is a list").clone());
        match page.get("nextCursor") {
            Some(cursor) => params = json!({"cursor": cursor}),
            None => return items,
        }
        assert!(items.len() < 100_000, "the pages never end");
    }
}

fn thousand_tools() -> Settings {
    (0..1200).fold(Settings::new(), |settings, number| {
        settings.mock_tool(&format!("tool_{number:04}"), "hi")
    })
}

#[tokio::test]
async fn twelve_hundred_tools_come_in_pages_each_once_and_in_order() {
    let gateway = thousand_tools().start().await;
    let session = Session::open(&gateway.endpoint).await;
    let first = session.result("tools/list", json!({})).await;
    let first_page = first["tools"].as_array().unwrap().len();
    assert!(first_page < 1200, "everything came on one page");
    assert!(first["nextCursor"].is_string());
    let all = names(&json!(whole_list(&session, "tools/list", "tools").await));
    let expected: Vec<String> = (0..1200).map(|number| format!("tool_{number:04}")).collect();
    assert_eq!(all, expected);
    let result = session.tool("tool_1199", json!({})).await;
    assert_eq!(text_of(&result), "hi");
}

#[tokio::test]
async fn a_cursor_works_in_another_session() {
    let gateway = thousand_tools().start().await;
    let first = Session::open(&gateway.endpoint).await;
    let second = Session::open(&gateway.endpoint).await;
    let page = first.result("tools/list", json!({})).await;
    let params = json!({"cursor": page["nextCursor"]});
    let mine = first.result("tools/list", params.clone()).await;
    assert_eq!(second.result("tools/list", params).await, mine);
}

#[tokio::test]
async fn a_cursor_that_was_never_given_is_32602() {
    let (_upstream, gateway) = pair().await;
    let session = Session::open(&gateway.endpoint).await;
    for method in [
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
    ] {
        for cursor in [json!("never-given"), json!("AAAA"), json!(7)] {
            let response = session.request(method, json!({"cursor": cursor})).await;
            assert_eq!(response["error"]["code"], -32602, "{method} {cursor}: {response}");
        }
    }
}

#[tokio::test]
async fn the_pages_of_an_upstream_are_all_read() {
    let upstream = Upstream::start_with(&["--era", "legacy", "--page-size", "3"]).await;
    let gateway = Settings::in_front_of(&upstream.url()).start().await;
    let direct = Session::open(&upstream.endpoint).await;
    let through = Session::open(&gateway.endpoint).await;
    for (method, key) in [
        ("tools/list", "tools"),
        ("prompts/list", "prompts"),
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
    ] {
        let expected: BTreeSet<String> = names(&json!(whole_list(&direct, method, key).await))
            .into_iter()
            .collect();
        let found = names(&json!(whole_list(&through, method, key).await));
        let distinct: BTreeSet<String> = found.iter().cloned().collect();
        assert_eq!(found.len(), distinct.len(), "{method} repeats a name");
        assert_eq!(distinct, expected, "{method}");
    }
}

#[tokio::test]
async fn every_item_is_listed_as_the_upstream_describes_it() {
    let (upstream, gateway) = pair().await;
    let direct = Session::open(&upstream.endpoint).await;
    let through = Session::open(&gateway.endpoint).await;
    for (method, key) in [
        ("tools/list", "tools"),
        ("prompts/list", "prompts"),
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
    ] {
        let expected = whole_list(&direct, method, key).await;
        let found = whole_list(&through, method, key).await;
        assert_eq!(found.len(), expected.len(), "{method}");
        for item in &expected {
            assert!(found.contains(item), "{method} lacks or changes {item}");
        }
    }
}

#[tokio::test]
async fn the_order_of_a_list_is_always_the_same() {
    let one = Upstream::legacy().await;
    let two = Upstream::legacy().await;
    let settings = || {
        Settings::new()
            .prefixed("zebra", &one.url(), "z_")
            .prefixed("ant", &two.url(), "a_")
            .mock_tool("own", "hi")
    };
    let first = settings().start().await;
    let second = settings().start().await;
    let list = async |gateway: &Gateway| {
        let session = Session::open(&gateway.endpoint).await;
        names(&json!(whole_list(&session, "tools/list", "tools").await))
    };
    let expected = list(&first).await;
    assert!(expected.len() > 50, "{expected:?}");
    assert_eq!(list(&first).await, expected);
    assert_eq!(list(&second).await, expected);
}

#[tokio::test]
async fn a_tool_that_an_upstream_adds_or_removes_is_added_or_removed_here() {
    let (upstream, gateway) = pair().await;
    let session = Session::open(&gateway.endpoint).await;
    let lists = async |name: &str| {
        let tools = whole_list(&session, "tools/list", "tools").await;
        names(&json!(tools)).iter().any(|tool| tool == name)
    };
    assert!(!lists("added_later").await);
    upstream
        .control("tools/add", json!({"name": "added_later"}))
        .await;
    until_true("the new tool in the list", async || lists("added_later").await).await;
    let result = session.tool("added_later", json!({})).await;
    assert!(result["content"].is_array());
    upstream
        .control("tools/remove", json!({"name": "added_later"}))
        .await;
    until_true("the tool to leave the list", async || !lists("added_later").await).await;
}

#[tokio::test]
async fn changed_prompts_and_resources_are_noticed() {
    let (upstream, gateway) = pair().await;
    let session = Session::open(&gateway.endpoint).await;
    upstream
        .control("prompts/add", json!({"name": "new_prompt"}))
        .await;
    until_true("the new prompt in the list", async || {
        let list = whole_list(&session, "prompts/list", "prompts").await;
        names(&json!(list)).contains(&"new_prompt".to_owned())
    })
    .await;
    upstream
        .control("resources/add", json!({"name": "test://new"}))
        .await;
    until_true("the new resource in the list", async || {
        let list = whole_list(&session, "resources/list", "resources").await;
        list.iter().any(|resource| resource["uri"] == "test://new")
    })
    .await;
}

#[tokio::test]
async fn no_absent_field_is_sent_as_null() {
    let recorder = Recorder::start(r#"{"content":[]}"#).await;
    let gateway = Settings::in_front_of(&recorder.url)
        .mock_tool("own", "hi")
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let mut texts = vec![session.greeting.to_string()];
    for method in [
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
        "no/such",
    ] {
        texts.push(session.request(method, json!({})).await.to_string());
    }
    texts.push(session.tool("own", json!({})).await.to_string());
    let client = crate::support::modern::Client::new(&gateway.endpoint);
    for method in ["server/discover", "tools/list", "prompts/list", "no/such"] {
        texts.push(client.request(method, json!({})).await.to_string());
    }
    texts.push(client.tool("own", json!({})).await.to_string());
    for text in &texts {
        assert!(!text.contains("null"), "{text}");
    }
    for seen in recorder.seen() {
        assert!(
            !seen.body.to_string().contains(":null"),
            "sent upstream: {}",
            seen.body
        );
    }
}

#[tokio::test]
async fn a_tool_the_gateway_does_not_offer_is_32602() {
    let (upstream, gateway) = pair().await;
    let session = Session::open(&gateway.endpoint).await;
    let response = session
        .request("tools/call", json!({"name": "no_such_tool", "arguments": {}}))
        .await;
    assert_eq!(response["error"]["code"], -32602, "{response}");
    assert!(
        response["error"]["message"]
            .as_str()
            .unwrap()
            .contains("no_such_tool")
    );
    let stats = upstream.stats().await;
    assert_eq!(stats["calls"].get("no_such_tool"), None, "asked the upstream");
}

#[tokio::test]
async fn resources_and_templates_are_read_through_their_upstream() {
    let (upstream, gateway) = pair().await;
    let direct = Session::open(&upstream.endpoint).await;
    let through = Session::open(&gateway.endpoint).await;
    for uri in [
        "test://static-text",
        "test://static-binary",
        "test://template/123/data",
        "test://template/with%20space/data",
    ] {
        let expected = direct.result("resources/read", json!({"uri": uri})).await;
        let found = through.result("resources/read", json!({"uri": uri})).await;
        assert_eq!(found, expected, "{uri}");
        assert_eq!(found["contents"][0]["uri"], uri);
    }
}

#[tokio::test]
async fn an_unknown_resource_is_an_error_and_never_empty() {
    let (_upstream, gateway) = pair().await;
    let session = Session::open(&gateway.endpoint).await;
    for uri in ["test://nowhere", "nonsense:", "file:///etc/passwd"] {
        let response = session.request("resources/read", json!({"uri": uri})).await;
        let code = &response["error"]["code"];
        assert!(*code == -32002 || *code == -32602, "{uri}: {response}");
    }
}

#[tokio::test]
async fn prompts_are_served_by_their_upstream() {
    let (_upstream, gateway) = pair().await;
    let session = Session::open(&gateway.endpoint).await;
    let params = json!({"name": "test_prompt_with_arguments",
        "arguments": {"arg1": "hello", "arg2": "world"}});
    let result = session.result("prompts/get", params).await;
    assert_eq!(
        result["messages"][0]["content"]["text"],
        "Prompt with arguments: arg1='hello', arg2='world'"
    );
    let response = session
        .request("prompts/get", json!({"name": "no_such_prompt"}))
        .await;
    assert_eq!(response["error"]["code"], -32602, "{response}");
}

#[tokio::test]
async fn completion_is_forwarded_for_prompts_and_templates() {
    let (upstream, gateway) = pair().await;
    let direct = Session::open(&upstream.endpoint).await;
    let through = Session::open(&gateway.endpoint).await;
    for reference in [
        json!({"type": "ref/prompt", "name": "test_prompt_with_arguments"}),
        json!({"type": "ref/resource", "uri": "test://template/{id}/data"}),
    ] {
        let argument = json!({"name": "arg1", "value": "par"});
        let params = json!({"ref": reference, "argument": argument});
        let expected = direct.result("completion/complete", params.clone()).await;
        let found = through.result("completion/complete", params).await;
        assert_eq!(found, expected, "{reference}");
    }
    let stats = upstream.stats().await;
    assert_eq!(stats["requests"]["completion/complete"], 4);
}

#[tokio::test]
async fn only_what_is_there_is_declared_as_a_capability() {
    let tools_only = Settings::new().mock_tool("hello", "hi").start().await;
    let session = Session::open(&tools_only.endpoint).await;
    let declared = &session.greeting["capabilities"];
    assert!(declared["tools"].is_object(), "{declared}");
    for absent in ["prompts", "resources", "completions"] {
        assert_eq!(declared.get(absent), None, "{declared}");
    }
    let (_upstream, gateway) = pair().await;
    let session = Session::open(&gateway.endpoint).await;
    let declared = &session.greeting["capabilities"];
    for present in ["tools", "prompts", "resources", "completions", "logging"] {
        assert!(
            declared[present].is_object(),
            "{present} is missing in {declared}"
        );
    }
}
