//! The example of backends, as far as it needs no other server.

use std::path::Path;

use serde_json::json;

use super::backend_calls::{call, failure};
use crate::support::gateway::{Gateway, command};
use crate::support::legacy::Session;
use crate::support::mcp::{names, text_of};

#[tokio::test]
async fn the_programs_of_the_example_answer() {
    let mut command = command();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/backends.yaml");
    command
        .arg("--config")
        .arg(path)
        .env("MCPG_GATEWAY__SERVER__BIND_ADDRESS", "127.0.0.1:0");
    let gateway = Gateway::from_command(command).await;
    let session = Session::open(&gateway.endpoint).await;
    let tools = session.result("tools/list", json!({})).await;
    let expected = [
        "repository",
        "search_issues",
        "open_ticket",
        "count_words",
        "show_date",
    ];
    assert_eq!(names(&tools["tools"]), expected);
    let counted = call(&gateway, "count_words", json!({"text": "-l $(id) three"})).await;
    assert_eq!(text_of(&counted).trim(), "3");
    let arguments = json!({"zone": "UTC", "format": "literally"});
    let date = session.tool("show_date", arguments).await;
    assert!(text_of(&date).trim_end().ends_with(" literally"), "{date}");
    let why = failure(&gateway, "show_date", json!({"zone": "../../etc/passwd"})).await;
    assert!(
        why.starts_with("the arguments do not fit the input schema of the tool:\n- /zone: "),
        "{why}"
    );
    let kernel = session
        .result("resources/read", json!({"uri": "system://kernel"}))
        .await;
    assert!(!kernel["contents"][0]["text"].as_str().unwrap().is_empty());
}
