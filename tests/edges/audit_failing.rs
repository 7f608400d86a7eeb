//! An audit log that cannot be written, and one that is moved away.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::future::join_all;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::audit::{Log, read};
use crate::support::deadline::until_true;
use crate::support::gateway::{Gateway, Settings};
use crate::support::http::{Answer, Call};
use crate::support::legacy::{Session, initialize};
use crate::support::mcp::text_of;
use crate::support::modern::Client;

/// How often the log is moved away under load.
const ROTATIONS: usize = 5;
/// How many clients call meanwhile.
const CLIENTS: usize = 4;

fn settings() -> Settings {
    Settings::new().mock_tool("hello", "hi")
}

async fn call(gateway: &Gateway, id: u64) -> Answer {
    let call = json!({"name": "hello", "arguments": {}});
    Client::new(&gateway.endpoint)
        .post(&json!(id), "tools/call", call)
        .send()
        .await
}

/// Calls until a call is refused; says how many were served.
async fn calls_until_refused(gateway: &Gateway) -> (u64, Answer) {
    let served = AtomicU64::new(0);
    let refused = std::cell::RefCell::new(None);
    until_true("a call is refused", async || {
        let answer = call(gateway, served.load(Ordering::Relaxed)).await;
        if answer.status == StatusCode::OK {
            served.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        *refused.borrow_mut() = Some(answer);
        true
    })
    .await;
    (
        served.into_inner(),
        refused.into_inner().expect("one was refused"),
    )
}

/// A disk that is full: the file takes no byte.
fn full_disk(log: &Log) {
    symlink("/dev/full", log.path()).unwrap();
}

fn empty_disk(log: &Log) {
    fs::remove_file(log.path()).unwrap();
}

#[tokio::test]
async fn fail_closed_refuses_calls_on_a_full_disk_and_recovers_without_loss() {
    let log = Log::fail_closed();
    full_disk(&log);
    let gateway = log.on(settings()).start().await;
    let (served, refused) = calls_until_refused(&gateway).await;
    assert!(served >= 1, "nobody knows of the full disk before the first line");
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.header("retry-after"), Some("1"));
    let error = json!({"code": -32603, "data": {"reason": "audit_unavailable"},
        "message": "the call was not executed: the audit log cannot be written at the moment"});
    assert_eq!(refused.json().await["error"], error);
    // What leaves no line is served, in both eras; a legacy call is refused as well.
    let session = Session::greet(&gateway.endpoint, &initialize("2025-11-25", &json!({}))).await;
    session.result("tools/list", json!({})).await;
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "hello"}});
    assert_eq!(
        session.send(&message).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    let output = gateway.program.output();
    let told = "Audit lines cannot be written: calls are refused until they can.";
    assert_eq!(output.matches(told).count(), 1, "{output}");
    empty_disk(&log);
    until_true("calls are served again", async || {
        call(&gateway, 1_000_000).await.status == StatusCode::OK
    })
    .await;
    let count = usize::try_from(served).unwrap() + 1;
    let ids: Vec<Value> = log
        .lines(count)
        .await
        .iter()
        .map(|line| line["id"].clone())
        .collect();
    assert_eq!(ids[..count - 1], (0..served).map(Value::from).collect::<Vec<_>>());
    assert!(
        gateway
            .program
            .output()
            .contains("Audit lines are written again.")
    );
}

#[tokio::test]
async fn fail_open_serves_calls_on_a_full_disk_and_says_so_once() {
    let log = Log::new();
    full_disk(&log);
    let gateway = log.on(settings().metrics()).start().await;
    for id in 0..20 {
        assert_eq!(call(&gateway, id).await.status, StatusCode::OK);
    }
    let told = "Audit lines cannot be written: they are kept for now, and lost when there are too many.";
    until_true("the warning", async || gateway.program.output().contains(told)).await;
    for id in 20..40 {
        assert_eq!(call(&gateway, id).await.status, StatusCode::OK);
    }
    assert_eq!(gateway.program.output().matches(told).count(), 1);
    let sink = format!("sink=\"{}\"", log.path().display());
    let shown = async || {
        let answer = Call::new(Method::GET, gateway.operators(), "/metrics")
            .send()
            .await;
        answer.text().await
    };
    let failing = format!("mcpg_audit_failing{{{sink}}} 1");
    until_true("the metric", async || shown().await.contains(&failing)).await;
    empty_disk(&log);
    log.lines(40).await;
    let written = format!("mcpg_audit_lines_total{{{sink},result=\"written\"}} 40");
    let recovered = format!("mcpg_audit_failing{{{sink}}} 0");
    until_true("the metrics", async || {
        let shown = shown().await;
        shown.contains(&written) && shown.contains(&recovered)
    })
    .await;
}

#[tokio::test]
async fn a_required_log_that_cannot_be_opened_is_no_start() {
    let log = Log::fail_closed();
    let path = log.file("missing/audit.jsonl");
    let audit = json!({"enabled": true, "required": true, "sinks": [{"kind": "file", "path": path}]});
    let output = settings().governance("audit", audit).refused().await;
    for part in [
        format!(
            "the audit log cannot be opened at {}: No such file or directory",
            path.display()
        ),
        "give this user the right to write there, or change governance.audit.sinks[0].path".to_owned(),
    ] {
        assert!(output.contains(&part), "{output}");
    }
}

#[tokio::test]
async fn a_log_that_is_not_required_may_come_later() {
    let log = Log::new();
    let path = log.file("missing/audit.jsonl");
    let audit = json!({"enabled": true, "sinks": [{"kind": "file", "path": path}]});
    let gateway = settings().governance("audit", audit).start().await;
    assert_eq!(call(&gateway, 1).await.status, StatusCode::OK);
    assert!(
        gateway
            .program
            .output()
            .contains("The audit log cannot be opened; lines wait until it can.")
    );
    fs::create_dir(log.file("missing")).unwrap();
    until_true("the line that waited", async || {
        fs::read_to_string(&path).is_ok_and(|text| read(&text).len() == 1)
    })
    .await;
}

#[tokio::test]
async fn a_log_that_is_moved_away_under_load_loses_and_doubles_nothing() {
    let log = Log::fail_closed();
    let gateway = Arc::new(log.on(settings()).start().await);
    let (next, enough) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let clients = (0..CLIENTS).map(|_| {
        let (gateway, next, enough) = (Arc::clone(&gateway), Arc::clone(&next), Arc::clone(&enough));
        tokio::spawn(async move {
            while !enough.load(Ordering::Relaxed) {
                let id = next.fetch_add(1, Ordering::Relaxed);
                assert_eq!(call(&gateway, id).await.status, StatusCode::OK);
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    let mut moved = Vec::new();
    for number in 0..ROTATIONS {
        until_true("lines to move away", async || log.text().len() > 2000).await;
        let to = log.file(&format!("audit.{number}"));
        fs::rename(log.path(), &to).unwrap();
        moved.push(to);
        gateway.program.hang_up();
        until_true("a new file", async || log.path().exists()).await;
    }
    enough.store(true, Ordering::Relaxed);
    join_all(clients)
        .await
        .into_iter()
        .for_each(|client| client.unwrap());
    let count = next.load(Ordering::Relaxed);
    let all = || -> Vec<u64> {
        moved.push(log.path());
        let text: String = moved
            .iter()
            .map(|path| fs::read_to_string(path).unwrap())
            .collect();
        moved.pop();
        read(&text)
            .iter()
            .map(|line| line["id"].as_u64().unwrap())
            .collect()
    };
    let mut all = all;
    until_true("the last lines", async || all().len() as u64 >= count).await;
    let mut ids = all();
    ids.sort_unstable();
    assert_eq!(ids, (0..count).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_hang_up_ends_no_program() {
    for audited in [false, true] {
        let log = Log::new();
        let settings = if audited { log.on(settings()) } else { settings() };
        let gateway = settings.start().await;
        for _ in 0..3 {
            gateway.program.hang_up();
        }
        let told = match audited {
            true => "The audit log is opened again.",
            false => "Nothing is opened again: there is no audit log.",
        };
        until_true("a word about the signal", async || {
            gateway.program.output().contains(told)
        })
        .await;
        let hello = Client::new(&gateway.endpoint).tool("hello", json!({})).await;
        assert_eq!(text_of(&hello), "hi");
    }
}
