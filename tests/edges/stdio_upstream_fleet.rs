//! Upstream servers that are programs, behind several replicas: a process lives on one of them, and all of them use it.

use std::collections::HashSet;

use futures_util::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};

use crate::support::children::{Children, is_running};
use crate::support::deadline::until_true;
use crate::support::fleet::{Fleet, FleetSettings};
use crate::support::legacy::Session;
use crate::support::mcp::{Endpoint, text_of};

async fn start(children: &Children) -> Fleet {
    FleetSettings::new(children.settings()).start().await
}

fn everything() -> Value {
    json!({"elicitation": {"form": {}}, "sampling": {}, "roots": {}})
}

/// The process of the session, asked for at this replica.
async fn pid(session: &Session, endpoint: &Endpoint) -> u32 {
    let seen = session.at(endpoint).tool("whoami", json!({})).await;
    u32::try_from(seen["structuredContent"]["pid"].as_u64().unwrap()).unwrap()
}

#[tokio::test]
async fn calls_at_all_replicas_reach_the_one_child_of_the_session() {
    let children = Children::legacy();
    let fleet = start(&children).await;
    let mut pids = HashSet::new();
    for _ in 0..2 {
        let session = Session::open(&fleet.entry()).await;
        for count in 1..=6 {
            let counted = session.tool("count", json!({"tag": "state"})).await;
            assert_eq!(
                text_of(&counted),
                count.to_string(),
                "the state is not seen everywhere"
            );
        }
        for endpoint in &fleet.each() {
            pids.insert(pid(&session, endpoint).await);
        }
    }
    assert_eq!(pids.len(), 2, "{pids:?}");
    assert_eq!(children.begun("count", "state"), 12);
    // One for the catalogue of each replica, and those.
    assert_eq!(children.all().len(), 5);
}

#[tokio::test]
async fn first_calls_at_all_replicas_at_once_use_one_child() {
    let children = Children::legacy();
    let fleet = start(&children).await;
    let each = &fleet.each();
    for _ in 0..3 {
        let session = Session::open(&each[0]).await;
        let calls = (0..9).map(|number: usize| pid(&session, &each[number % 3]));
        let pids: HashSet<_> = join_all(calls).await.into_iter().collect();
        assert_eq!(pids.len(), 1, "{pids:?}");
        assert!(session.delete().await.is_success());
        // Superfluous ones are closed at once, the other one with the session.
        children.running_are(3).await;
    }
}

#[tokio::test]
async fn progress_of_a_child_elsewhere_comes_in_order_and_before_the_result() {
    let children = Children::legacy();
    let fleet = start(&children).await;
    let each = &fleet.each();
    let session = Session::open(&each[0]).await;
    pid(&session, &each[0]).await;
    let calls = (0..6).map(|number: usize| {
        let at = session.at(&each[number % 3]);
        async move {
            let token = format!("token {number}");
            let arguments = json!({"steps": 8, "interval_ms": 60, "tag": token});
            let params = json!({"name": "sleep_with_progress", "arguments": arguments, "_meta": {"progressToken": token}});
            let call = at.start(json!(token), "tools/call", params).await;
            let finished = call.finish().await;
            assert_eq!(text_of(&finished.response["result"]), "slept 8 steps of 60 ms");
            let progress: Vec<f64> = finished
                .before
                .iter()
                .map(|message| {
                    assert_eq!(message["params"]["progressToken"], token);
                    message["params"]["progress"].as_f64().unwrap()
                })
                .collect();
            assert!(progress.len() >= 2, "{progress:?}");
            assert!(progress.is_sorted_by(|one, other| one < other), "{progress:?}");
            assert_eq!(progress.last(), Some(&8.0));
        }
    });
    join_all(calls).await;
    for number in 0..6 {
        assert_eq!(
            children.begun("sleep_with_progress", &format!("token {number}")),
            1
        );
    }
}

#[tokio::test]
async fn a_child_elsewhere_asks_the_client() {
    let children = Children::legacy();
    let fleet = start(&children).await;
    let each = &fleet.each();
    let session = Session::open_with(&each[0], everything()).await;
    pid(&session, &each[0]).await;
    for (asking, answering) in [(1, 1), (1, 2), (2, 0), (0, 1)] {
        let tag = format!("{asking} {answering}");
        let at = session.at(&each[asking]);
        let arguments = json!({"question": "which?", "tag": tag});
        let (_, mut call) = at.start_tool("ask", arguments).await;
        let question = call.expect("elicitation/create").await;
        assert_eq!(question["params"]["message"], "which?");
        let accepted = json!({"action": "accept", "content": {"answer": tag}});
        let status = session.at(&each[answering]).respond(&question, accepted).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        assert!(text_of(&call.result().await).contains(&tag));
        assert_eq!(children.begun("ask", &tag), 1);
    }
    session
        .result("logging/setLevel", json!({"level": "debug"}))
        .await;
    let arguments = json!({"level": "info", "text": "so it is", "times": 3});
    let (_, call) = session.at(&each[2]).start_tool("log", arguments).await;
    assert_eq!(call.finish().await.before.len(), 3);
}

#[tokio::test]
async fn a_call_is_cancelled_in_the_child_from_any_replica() {
    let children = Children::legacy();
    let fleet = start(&children).await;
    let each = &fleet.each();
    let session = Session::open(&each[0]).await;
    pid(&session, &each[0]).await;
    for (calling, cancelling) in [(1, 1), (1, 2), (2, 0), (0, 1)] {
        let tag = format!("{calling} {cancelling}");
        let at = session.at(&each[calling]);
        let (id, mut call) = at.start_tool("sleep", json!({"ms": 600_000, "tag": tag})).await;
        children.has_begun("sleep", &tag).await;
        let status = session.at(&each[cancelling]).cancel(&id).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        while let Some(message) = call.next().await {
            assert!(message.get("result").is_none(), "{message}");
        }
        until_true("the call is cancelled in the child", async || {
            children.cancelled("sleep", &tag).await == 1
        })
        .await;
    }
}

#[tokio::test]
async fn i7_the_death_of_the_owner_costs_what_it_executed_and_the_session_gets_a_new_child() {
    let children = Children::legacy();
    let mut fleet = start(&children).await;
    let each = fleet.each();
    let session = Session::open(&each[0]).await;
    let first = pid(&session, &each[0]).await;
    let at = session.at(&each[1]);
    let (_, lost) = at
        .start_tool("sleep", json!({"ms": 600_000, "tag": "lost"}))
        .await;
    children.has_begun("sleep", "lost").await;
    fleet.replicas[0].kill();
    until_true("the child ends with its replica", async || !is_running(first)).await;
    // Who takes over waits for the end of the lease, and the gateway's own time limit is the bound of that.
    let second = pid(&session, &each[2]).await;
    assert_ne!(first, second);
    assert_eq!(pid(&session, &each[1]).await, second);
    let response = lost.response().await;
    assert_eq!(
        response["error"]["data"]["reason"], "outcome_unknown",
        "{response}"
    );
    assert_eq!(children.begun("sleep", "lost"), 1);
}

#[tokio::test]
async fn i7_an_owner_that_was_paused_executes_nothing_late() {
    let children = Children::legacy();
    let fleet = start(&children).await;
    let each = &fleet.each();
    let session = Session::open(&each[0]).await;
    let first = pid(&session, &each[0]).await;
    fleet.replicas[0].program.pause();
    let counted = session.at(&each[1]).tool("count", json!({"tag": "once"})).await;
    assert_eq!(text_of(&counted), "1");
    let second = pid(&session, &each[2]).await;
    assert_ne!(first, second);
    fleet.replicas[0].program.resume();
    // While it has no lease it refuses; when it answers again it has read its mail.
    let at = session.at(&each[0]);
    until_true("the owner works again", async || {
        let params = json!({"name": "whoami", "arguments": {}});
        let response = at.request("tools/call", params).await;
        response["result"]["structuredContent"]["pid"] == second
    })
    .await;
    assert_eq!(children.begun("count", "once"), 1);
    // What it still runs for the session ends with it.
    assert!(at.delete().await.is_success());
    until_true("both processes are ended", async || {
        !is_running(first) && !is_running(second)
    })
    .await;
}

#[tokio::test]
async fn a_child_that_ended_elsewhere_is_replaced_once() {
    let children = Children::legacy();
    let fleet = start(&children).await;
    let each = &fleet.each();
    let session = Session::open(&each[0]).await;
    let first = pid(&session, &each[0]).await;
    let params = json!({"name": "crash", "arguments": {"status": 3, "tag": "once"}});
    let response = session.at(&each[1]).request("tools/call", params).await;
    assert_eq!(
        response["error"]["data"]["reason"], "outcome_unknown",
        "{response}"
    );
    assert!(
        response["error"]["message"]
            .as_str()
            .unwrap()
            .contains("exited with status 3"),
        "{response}"
    );
    assert_eq!(children.begun("crash", "once"), 1);
    let calls = (0..9).map(|number: usize| pid(&session, &each[number % 3]));
    let pids: HashSet<_> = join_all(calls).await.into_iter().collect();
    assert_eq!(pids.len(), 1, "{pids:?}");
    assert!(!pids.contains(&first));
}

#[tokio::test]
async fn a_session_deleted_anywhere_ends_its_child() {
    let children = Children::legacy();
    let fleet = start(&children).await;
    let each = &fleet.each();
    for deleting in 0..3 {
        let session = Session::open(&each[0]).await;
        let child = pid(&session, &each[1]).await;
        assert!(session.at(&each[deleting]).delete().await.is_success());
        until_true("the child is stopped", async || !is_running(child)).await;
    }
}

#[tokio::test]
async fn a_result_that_the_coordinator_cannot_carry_is_an_error_that_says_so() {
    let children = Children::legacy();
    let fleet = start(&children).await;
    let each = &fleet.each();
    let session = Session::open(&each[0]).await;
    pid(&session, &each[0]).await;
    let params = json!({"name": "large", "arguments": {"bytes": 9_000_000, "tag": "far"}});
    let near = session.at(&each[0]).request("tools/call", params.clone()).await;
    assert!(near["error"].is_null());
    let far = session.at(&each[1]).request("tools/call", params).await;
    let message = far["error"]["message"].as_str().unwrap();
    assert!(message.contains("too large for the coordinator"), "{message}");
    assert_eq!(children.begun("large", "far"), 2);
}
