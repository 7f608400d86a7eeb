//! How programs end: by themselves, by a limit, by a cancel - and that nothing of them is left.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::backend_calls::{failure, with_tools};
use super::command_backend::script;
use crate::support::deadline::{until, until_true};
use crate::support::gateway::{Gateway, Settings};
use crate::support::legacy::Session;
use crate::support::mcp::text_of;
use crate::support::modern::Client;

/// Starts a grandchild that holds the outputs open, and says who they are.
const FAMILY: &str = "sleep 1000 & echo $$ $! > family; ";

/// A folder in which a script tells the numbers of its processes.
struct Family {
    folder: TempDir,
}

impl Family {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A tool whose script runs in this folder.
    fn tool(&self, name: &str, text: &str, mut more: Value) -> Value {
        more["cwd"] = json!(self.path());
        script(name, text, more)
    }

    /// The processes, once the script has told them. The next script starts anew.
    async fn members(&self) -> Vec<PathBuf> {
        let file = self.path().join("family");
        let told = until(
            "the script tells its processes",
            Duration::from_secs(30),
            async || {
                let text = std::fs::read_to_string(&file).ok()?;
                text.ends_with('\n').then_some(text)
            },
        );
        let told = told.await;
        std::fs::remove_file(file).unwrap();
        let members = told.split_whitespace();
        members.map(|id| Path::new("/proc").join(id)).collect()
    }
}

async fn are_gone(members: &[PathBuf]) {
    until_true("no process is left, not even a zombie", async || {
        members.iter().all(|member| !member.exists())
    })
    .await;
}

/// The processes that the gateway has started and that are not reaped.
fn children(gateway: &Gateway) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", gateway.program.pid())).unwrap();
    let children =
        tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("children")).ok());
    children
        .flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

async fn has_no_children(gateway: &Gateway) {
    until_true("the gateway has no children", async || {
        children(gateway).is_empty()
    })
    .await;
}

#[tokio::test]
async fn the_time_limit_ends_the_program_with_all_that_it_started() {
    let family = Family::new();
    let slow = format!("{FAMILY} echo begun; echo why >&2; wait");
    let gateway = with_tools(vec![family.tool("slow", &slow, json!({"timeout_ms": 700}))]).await;
    let began = Instant::now();
    let session = Session::open(&gateway.endpoint).await;
    let result = session.tool("slow", json!({})).await;
    assert_eq!(result["isError"], true, "{result}");
    assert_eq!(
        text_of(&result),
        "the program did not end within 700 ms and was stopped:\nwhy"
    );
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    are_gone(&family.members().await).await;
    has_no_children(&gateway).await;
}

#[tokio::test]
async fn a_program_that_does_not_want_to_end_is_killed() {
    let family = Family::new();
    let stubborn = format!("trap '' TERM; {FAMILY} while :; do sleep 1; done");
    let gateway = with_tools(vec![family.tool(
        "stubborn",
        &stubborn,
        json!({"timeout_ms": 300}),
    )])
    .await;
    let result = Session::open(&gateway.endpoint)
        .await
        .tool("stubborn", json!({}))
        .await;
    assert_eq!(
        text_of(&result),
        "the program did not end within 300 ms and was stopped"
    );
    are_gone(&family.members().await).await;
    has_no_children(&gateway).await;
}

#[tokio::test]
async fn a_program_may_tidy_up_when_it_is_stopped() {
    let family = Family::new();
    let tidy = format!("trap 'echo tidied > tidied; exit 0' TERM; {FAMILY} while :; do sleep 0.05; done");
    let gateway = with_tools(vec![family.tool("tidy", &tidy, json!({"timeout_ms": 500}))]).await;
    let result = Session::open(&gateway.endpoint)
        .await
        .tool("tidy", json!({}))
        .await;
    assert_eq!(result["isError"], true, "{result}");
    are_gone(&family.members().await).await;
    assert!(family.path().join("tidied").exists());
}

#[tokio::test]
async fn a_cancel_ends_the_program_in_both_eras() {
    let family = Family::new();
    let gateway = with_tools(vec![family.tool("slow", &format!("{FAMILY} wait"), json!({}))]).await;
    let session = Session::open(&gateway.endpoint).await;
    let (id, mut exchange) = session.start_tool("slow", json!({})).await;
    let members = family.members().await;
    assert!(members.iter().all(|member| member.exists()));
    session.cancel(&id).await;
    assert_eq!(exchange.next().await, None, "a response after the cancel");
    are_gone(&members).await;

    let client = Client::new(&gateway.endpoint);
    let params = json!({"name": "slow", "arguments": {}});
    let exchange = client.start(json!(1), "tools/call", params).await;
    let members = family.members().await;
    assert!(members.iter().all(|member| member.exists()));
    drop(exchange);
    are_gone(&members).await;
    has_no_children(&gateway).await;
}

#[tokio::test]
async fn too_much_output_ends_the_program() {
    let family = Family::new();
    let more = json!({"max_output_mb": 1});
    let tools = vec![
        family.tool("out", &format!("{FAMILY} yes"), more.clone()),
        family.tool("error", &format!("{FAMILY} echo fine; yes >&2"), more.clone()),
        family.tool("exact", "yes 1234567 | head -c 1048576", more),
    ];
    let gateway = with_tools(tools).await;
    let session = Session::open(&gateway.endpoint).await;
    for (name, output) in [("out", "standard output"), ("error", "standard error")] {
        let result = session.tool(name, json!({})).await;
        assert_eq!(result["isError"], true, "{result}");
        let expected = format!(
            "the program wrote more than 1048576 bytes to {output} and was stopped (`max_output_mb`):\n…"
        );
        assert!(text_of(&result).starts_with(&expected), "{result}");
        are_gone(&family.members().await).await;
    }
    let exact = session.tool("exact", json!({})).await;
    assert_eq!(text_of(&exact).len(), 1_048_576);
    has_no_children(&gateway).await;
}

#[tokio::test]
async fn what_a_program_leaves_running_ends_with_it() {
    let family = Family::new();
    let gateway = with_tools(vec![family.tool(
        "leaves",
        &format!("{FAMILY} echo done"),
        json!({}),
    )])
    .await;
    let began = Instant::now();
    let result = Session::open(&gateway.endpoint)
        .await
        .tool("leaves", json!({}))
        .await;
    assert_eq!((text_of(&result), result.get("isError")), ("done\n", None));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    are_gone(&family.members().await).await;
    has_no_children(&gateway).await;
}

#[tokio::test]
async fn a_gateway_that_stops_ends_its_programs() {
    let family = Family::new();
    let script = format!("trap 'echo tidied > tidied; exit 0' TERM; {FAMILY} while :; do sleep 0.05; done");
    let tools = json!([family.tool("slow", &script, json!({}))]);
    let mut gateway = Settings::new()
        .server("shutdown_timeout_ms", 100)
        .block("mcp", json!({"capabilities": {"tools": tools}}))
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let (_, exchange) = session.start_tool("slow", json!({})).await;
    let members = family.members().await;
    gateway.program.terminate();
    drop(exchange);
    let status = gateway.program.exit(Duration::from_secs(30)).await;
    assert!(status.success(), "{status}");
    are_gone(&members).await;
    assert!(family.path().join("tidied").exists());
}

#[tokio::test]
async fn a_gateway_that_must_stop_at_once_kills_its_programs() {
    let family = Family::new();
    let stubborn = format!("trap '' TERM; {FAMILY} while :; do sleep 1; done");
    let mut gateway = with_tools(vec![family.tool("slow", &stubborn, json!({}))]).await;
    let session = Session::open(&gateway.endpoint).await;
    let (_, _exchange) = session.start_tool("slow", json!({})).await;
    let members = family.members().await;
    // The second signal does not wait for the calls that run.
    until_true("the gateway ends", async || {
        gateway.program.terminate();
        gateway.program.ended().is_some()
    })
    .await;
    are_gone(&members).await;
}

#[tokio::test]
async fn a_flood_of_calls_is_no_flood_of_processes() {
    let family = Family::new();
    let tools = vec![family.tool(
        "slow",
        "echo >> started; while ! [ -e go ]; do sleep 0.1; done; echo went",
        json!({}),
    )];
    let gateway = with_tools(tools).await;
    let client = Client::new(&gateway.endpoint);
    let params = json!({"name": "slow", "arguments": {}});
    let mut running = Vec::new();
    for id in 0..64 {
        running.push(client.start(json!(id), "tools/call", params.clone()).await);
    }
    let started = family.path().join("started");
    until_true("all programs run", async || {
        std::fs::read_to_string(&started).is_ok_and(|text| text.len() == 64)
    })
    .await;
    let refused = client.request("tools/call", params.clone()).await;
    assert_eq!(refused["error"]["data"]["reason"], "overloaded", "{refused}");
    assert_eq!(
        refused["error"]["message"],
        "64 programs are running already; try again when one of them is done"
    );
    std::fs::write(family.path().join("go"), "").unwrap();
    for exchange in running {
        assert_eq!(text_of(&exchange.result().await), "went\n");
    }
    assert_eq!(text_of(&client.result("tools/call", params).await), "went\n");
    assert_eq!(
        std::fs::read_to_string(&started).unwrap().len(),
        65,
        "the refused call ran nothing"
    );
    has_no_children(&gateway).await;
}

#[tokio::test]
async fn a_program_that_ignores_its_end_does_not_delay_another_call() {
    let family = Family::new();
    let tools = vec![
        family.tool(
            "stubborn",
            "trap '' TERM; while :; do sleep 1; done",
            json!({"timeout_ms": 100}),
        ),
        family.tool("quick", "echo quick", json!({})),
    ];
    let gateway = with_tools(tools).await;
    let session = Session::open(&gateway.endpoint).await;
    let (_, stubborn) = session.start_tool("stubborn", json!({})).await;
    assert_eq!(text_of(&session.tool("quick", json!({})).await), "quick\n");
    assert_eq!(stubborn.result().await["isError"], true);
    let why = failure(&gateway, "stubborn", json!({})).await;
    assert!(why.contains("was stopped"), "{why}");
}
