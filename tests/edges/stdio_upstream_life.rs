//! Upstream servers that are programs: how they start, fail and end.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::children::{Children, is_running, signal};
use crate::support::deadline::until_true;
use crate::support::gateway::{Gateway, Settings};
use crate::support::legacy::Session;
use crate::support::mcp::{names, text_of};

/// The process of the session.
async fn pid(session: &Session) -> u32 {
    let seen = session.tool("whoami", json!({})).await;
    let pid = seen["structuredContent"]["pid"].as_u64().unwrap();
    u32::try_from(pid).unwrap()
}

/// A program that the shell runs.
fn script(text: &str) -> Value {
    json!({"command": "sh", "args": ["-c", text]})
}

/// Waits until the gateway has said all of this in one line.
async fn says(gateway: &Gateway, parts: &[&str]) {
    let what = format!("a line with {parts:?}");
    until_true(&what, async || {
        let output = gateway.program.output();
        output
            .lines()
            .any(|line| parts.iter().all(|part| line.contains(part)))
    })
    .await;
}

#[tokio::test]
async fn a_crash_in_mid_call_has_an_unknown_outcome_and_the_next_call_a_new_child() {
    let children = Children::legacy();
    let gateway = children.settings().start().await;
    let session = Session::open(&gateway.endpoint).await;
    let first = pid(&session).await;
    let params = json!({"name": "crash", "arguments": {"status": 3, "tag": "once"}});
    let response = session.request("tools/call", params).await;
    let error = &response["error"];
    assert_eq!(error["data"]["reason"], "outcome_unknown", "{response}");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("exited with status 3") && message.contains("crashing with 3"),
        "{message}"
    );
    assert_eq!(children.begun("crash", "once"), 1);
    let second = pid(&session).await;
    assert_ne!(first, second);
    assert!(!is_running(first));
}

#[tokio::test]
async fn an_ended_child_is_not_noticed_before_the_next_call_and_costs_it_nothing() {
    let children = Children::legacy();
    let gateway = children.settings().start().await;
    let session = Session::open(&gateway.endpoint).await;
    let first = pid(&session).await;
    signal(first, "KILL");
    until_true("the child has ended", async || !is_running(first)).await;
    let second = pid(&session).await;
    assert_ne!(first, second);
}

#[tokio::test]
async fn the_child_of_the_catalogue_is_started_again() {
    let children = Children::legacy();
    let retry = json!({"retry": {"initial_ms": 50, "max_ms": 200}});
    let gateway = children.settings_with(retry).start().await;
    let first = children.running();
    assert_eq!(first.len(), 1);
    signal(first[0], "KILL");
    says(&gateway, &["An upstream is down.", "was ended by signal 9"]).await;
    says(&gateway, &["An upstream is back."]).await;
    let session = Session::open(&gateway.endpoint).await;
    let tools = session.result("tools/list", json!({})).await;
    assert!(names(&tools["tools"]).contains(&"echo".to_owned()));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named_once() {
    let retry = json!({"retry": {"initial_ms": 10, "max_ms": 10}});
    let missing = json!({"command": "no-such-program-anywhere"});
    let failing = script("echo the disk is full >&2; exit 7");
    let gateway = Settings::new()
        .child("missing", missing, retry.clone())
        .child("failing", failing, retry)
        .mock_tool("own", "here")
        .start()
        .await;
    says(
        &gateway,
        &[
            "An upstream is down.",
            "program no-such-program-anywhere cannot be started",
        ],
    )
    .await;
    says(
        &gateway,
        &[
            "An upstream is down.",
            "program sh exited with status 7; its last line was: the disk is full",
        ],
    )
    .await;
    let session = Session::open(&gateway.endpoint).await;
    for _ in 0..20 {
        assert_eq!(text_of(&session.tool("own", json!({})).await), "here");
    }
    let output = gateway.program.output();
    for upstream in ["missing", "failing"] {
        let told = output
            .lines()
            .filter(|line| line.contains("An upstream is down.") && line.contains(upstream));
        assert_eq!(told.count(), 1, "{output}");
    }
}

#[tokio::test]
async fn what_is_no_message_is_ignored_and_what_is_an_error_is_logged() {
    let children = Children::legacy();
    let mut upstream = children.upstream();
    upstream["env"] = json!({"TOKEN": "s3cret-value"});
    let settings = Settings::new().child("one", upstream, json!({}));
    let gateway = settings.start().await;
    let session = Session::open(&gateway.endpoint).await;
    let text = "debugging with s3cret-value \u{1b}[31m";
    for tool in ["print", "print_error"] {
        let result = session.tool(tool, json!({"text": text})).await;
        assert_eq!(text_of(&result), "printed");
    }
    says(
        &gateway,
        &[
            "Ignored a line of an upstream that is no message.",
            "debugging with ***",
        ],
    )
    .await;
    says(
        &gateway,
        &["An upstream wrote to its standard error.", "debugging with ***"],
    )
    .await;
    assert!(!gateway.program.output().contains("s3cret-value"));
    assert_eq!(text_of(&session.tool("echo", json!({"message": "m"})).await), "m");
}

#[tokio::test]
async fn a_message_that_is_too_large_costs_its_call_only() {
    let children = Children::legacy();
    let gateway = children.settings().server("max_response_mb", 1).start().await;
    let session = Session::open(&gateway.endpoint).await;
    let params = json!({"name": "large", "arguments": {"bytes": 2_000_000}});
    let response = session.request("tools/call", params).await;
    let message = response["error"]["message"].as_str().unwrap();
    assert!(message.contains("1048576 bytes"), "{response}");
    assert_eq!(text_of(&session.tool("echo", json!({"message": "m"})).await), "m");
}

#[tokio::test]
async fn a_program_gets_its_own_environment_and_no_other() {
    let children = Children::legacy();
    let mut upstream = children.upstream();
    upstream["env"] = json!({"OWN": "value"});
    let settings = Settings::new().child("one", upstream, json!({}));
    let folder = tempfile::tempdir().unwrap();
    let mut command = crate::support::gateway::command();
    command
        .arg("--config")
        .arg(settings.write(folder.path()))
        .env("SECRET_OF_THE_GATEWAY", "x");
    let gateway = Gateway::from_command(command).await;
    let session = Session::open(&gateway.endpoint).await;
    let seen = session.tool("whoami", json!({})).await;
    let names: Vec<&str> = seen["structuredContent"]["environment"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    assert!(names.contains(&"OWN") && names.contains(&"PATH"), "{names:?}");
    assert!(!names.contains(&"SECRET_OF_THE_GATEWAY"), "{names:?}");
}

#[tokio::test]
async fn a_child_with_nothing_to_do_is_stopped_and_started_again_when_needed() {
    let children = Children::legacy();
    let settings = children.settings_with(json!({"session": {"idle_timeout_ms": 1000}}));
    let gateway = settings.start().await;
    let session = Session::open(&gateway.endpoint).await;
    let first = pid(&session).await;
    // A call keeps its child however long it takes.
    let slept = session.tool("sleep", json!({"ms": 1500})).await;
    assert_eq!(text_of(&slept), "slept 1500 ms");
    assert_eq!(pid(&session).await, first);
    until_true("the child is stopped", async || !is_running(first)).await;
    assert_eq!(children.running().len(), 1);
    assert_ne!(pid(&session).await, first);
}

#[tokio::test]
async fn the_end_of_a_session_is_the_end_of_its_child() {
    let children = Children::legacy();
    let gateway = children.settings().start().await;
    let session = Session::open(&gateway.endpoint).await;
    let child = pid(&session).await;
    assert!(session.delete().await.is_success());
    until_true("the child is stopped", async || !is_running(child)).await;
    assert_eq!(
        session
            .post(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}))
            .send()
            .await
            .status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn nothing_is_left_behind_when_the_gateway_stops() {
    for arguments in [&["--era", "legacy"][..], &["--era", "legacy", "--stubborn"]] {
        let children = Children::with(arguments);
        let mut gateway = children.settings().start().await;
        let session = Session::open(&gateway.endpoint).await;
        pid(&session).await;
        assert_eq!(children.running().len(), 2);
        gateway.program.terminate();
        let status = gateway.program.exit(Duration::from_secs(20)).await;
        assert!(status.success(), "{}", gateway.program.output());
        assert_eq!(children.running(), [0; 0], "{arguments:?}");
    }
}

#[tokio::test]
async fn children_end_when_the_gateway_is_killed() {
    let children = Children::legacy();
    let mut gateway = children.settings().start().await;
    let session = Session::open(&gateway.endpoint).await;
    pid(&session).await;
    gateway.program.kill();
    children.running_are(0).await;
}

#[tokio::test]
async fn what_a_program_has_started_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let noted = folder.path().join("pid");
    // The server answers nothing and leaves a process behind that holds on to its output.
    let text = format!("sleep 600 & echo $! > {}; exit 1", noted.display());
    let retry = json!({"retry": {"initial_ms": 600_000, "max_ms": 600_000}});
    let gateway = Settings::new().child("one", script(&text), retry).start().await;
    says(&gateway, &["An upstream is down.", "exited with status 1"]).await;
    let left: u32 = std::fs::read_to_string(&noted).unwrap().trim().parse().unwrap();
    until_true("what was left behind is ended", async || !is_running(left)).await;
}

#[tokio::test]
async fn a_program_that_does_not_read_makes_only_its_own_calls_wait() {
    let children = Children::legacy();
    let gateway = children
        .settings()
        .server("request_timeout_ms", 3000)
        .start()
        .await;
    let [paused, other] = [(); 2].map(|()| Session::open(&gateway.endpoint));
    let (paused, other) = (paused.await, other.await);
    let child = pid(&paused).await;
    signal(child, "STOP");
    let large = "x".repeat(100_000);
    let stuck = (0..50).map(|_| {
        let params = json!({"name": "echo", "arguments": {"message": large}});
        paused.request("tools/call", params)
    });
    let stuck = futures_util::future::join_all(stuck);
    let served = async {
        for _ in 0..10 {
            assert_eq!(text_of(&other.tool("echo", json!({"message": "m"})).await), "m");
        }
    };
    let (stuck, ()) = futures_util::future::join(stuck, served).await;
    for response in stuck {
        assert_eq!(response["error"]["data"]["reason"], "timeout", "{response}");
    }
    signal(child, "CONT");
    until_true("it reads again", async || {
        let params = json!({"name": "echo", "arguments": {"message": "back"}});
        let response = paused.request("tools/call", params).await;
        response["error"].is_null()
    })
    .await;
    assert_eq!(pid(&paused).await, child);
}
