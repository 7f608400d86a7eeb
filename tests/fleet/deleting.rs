//! A session that was deleted at one replica is gone at all of them.

use futures_util::future::join_all;
use http::StatusCode;
use serde_json::json;

use crate::support::deadline::{until_true, within};
use crate::support::fleet::{Fleet, FleetSettings};
use crate::support::gateway::Settings;
use crate::support::legacy::{REVISION, Session};
use crate::support::mcp::{Endpoint, Exchange, text_of};
use crate::support::session_requests::{UNKNOWN, assert_all_not_found, list_request};
use crate::support::upstream::Upstream;

async fn own_fleet() -> Fleet {
    let settings = Settings::new().mock_tool("hello", "hi");
    FleetSettings::new(settings).start().await
}

/// A session that was opened at A and that every replica has served, so that all may remember it.
async fn warm(each: &[Endpoint; 3]) -> Session {
    let session = Session::open(&each[0]).await;
    for endpoint in each.iter().chain(each) {
        let status = session.at(endpoint).send(&list_request()).await.status;
        assert_eq!(status, StatusCode::OK);
    }
    session
}

#[tokio::test]
async fn s4_a_session_deleted_at_b_is_404_everywhere_and_after_a_restart() {
    let mut fleet = own_fleet().await;
    let each = fleet.each();
    let session = warm(&each).await;
    assert!(session.at(&each[1]).delete().await.is_success());
    for endpoint in &each {
        assert_all_not_found(endpoint, &session.id).await;
    }
    fleet.replicas[0].kill();
    fleet.replicas[0].restart().await;
    for endpoint in &each {
        assert_all_not_found(endpoint, &session.id).await;
    }
}

#[tokio::test]
async fn s4_every_request_after_the_answer_to_a_delete_is_404() {
    let fleet = own_fleet().await;
    let each = &fleet.each();
    for number in 0..20 {
        let session = warm(each).await;
        let deleted = session.at(&each[number % 3]).delete().await;
        assert!(deleted.is_success(), "{deleted}");
        let used = each.iter().map(async |endpoint| {
            let answer = session.at(endpoint).send(&list_request()).await;
            answer.status
        });
        assert_eq!(join_all(used).await, [StatusCode::NOT_FOUND; 3], "round {number}");
    }
}

#[tokio::test]
async fn s4_a_delete_closes_the_upstream_session_and_ends_calls_elsewhere() {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
    let [a, b, _] = &fleet.each();
    let session = Session::open(a).await;
    let before = upstream.stats().await["sessions"]["closed"].as_u64().unwrap();
    let arguments = json!({"ms": 25_000, "tag": "deleted"});
    let (_, mut call) = session.start_tool("sleep", arguments).await;
    upstream
        .counts_reach("sleep", "deleted", |counts| counts.started == 1)
        .await;
    assert!(session.at(b).delete().await.is_success());
    upstream
        .counts_reach("sleep", "deleted", |counts| counts.cancelled == 1)
        .await;
    // The stream ends, with an error for the call or without a word, but never stays open.
    while let Some(message) = call.next().await {
        assert!(message.get("result").is_none(), "{message}");
    }
    until_true("the upstream session is closed", async || {
        upstream.stats().await["sessions"]["closed"].as_u64() == Some(before + 1)
    })
    .await;
}

#[tokio::test]
async fn s5_two_deletes_at_once_are_both_answered() {
    let fleet = own_fleet().await;
    let each = &fleet.each();
    for _ in 0..10 {
        let session = warm(each).await;
        let deletes = [&each[0], &each[1]].map(async |endpoint| session.at(endpoint).delete().await);
        let statuses = join_all(deletes).await;
        let successes = statuses.iter().filter(|status| status.is_success()).count();
        let unknown = statuses.iter().filter(|status| **status == StatusCode::NOT_FOUND);
        assert_eq!((successes, unknown.count()), (1, 1), "{statuses:?}");
    }
}

#[tokio::test]
async fn s5_a_call_that_races_a_delete_gets_its_answer_or_404() {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
    let [a, b, c] = &fleet.each();
    for number in 0..20_u64 {
        let session = Session::open(a).await;
        // Some calls are over before the DELETE, some run into it, some come after it.
        let arguments = json!({"ms": number * 5});
        let params = json!({"name": "sleep", "arguments": arguments});
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        let call = async {
            let answer = session.at(c).send(&request).await;
            match answer.status {
                StatusCode::NOT_FOUND => {}
                StatusCode::OK => {
                    let mut exchange = Exchange::new(answer);
                    while let Some(message) = exchange.next().await {
                        assert_eq!(message["id"], 1, "{message}");
                    }
                }
                other => panic!("a call that races a DELETE is answered with {other}"),
            }
        };
        let delete = async { session.at(b).delete().await };
        let ((), deleted) = Box::pin(within("the ends of a call and of a DELETE", async {
            tokio::join!(call, delete)
        }))
        .await;
        assert!(deleted.is_success(), "{deleted}");
    }
}

#[tokio::test]
async fn sb_3_the_second_delete_is_404_at_every_replica() {
    let fleet = own_fleet().await;
    let each = &fleet.each();
    for first in each {
        let session = warm(each).await;
        assert!(session.at(first).delete().await.is_success());
        for endpoint in each {
            assert_eq!(session.at(endpoint).delete().await, StatusCode::NOT_FOUND);
        }
    }
}

#[tokio::test]
async fn sb_3_of_twenty_deletes_at_once_one_succeeds_and_the_rest_are_404() {
    let fleet = own_fleet().await;
    let each = &fleet.each();
    let session = warm(each).await;
    let deletes = (0..20).map(async |number: usize| session.at(&each[number % 3]).delete().await);
    let statuses = join_all(deletes).await;
    let successes = statuses.iter().filter(|status| status.is_success()).count();
    let unknown = statuses.iter().filter(|status| **status == StatusCode::NOT_FOUND);
    assert_eq!((successes, unknown.count()), (1, 19), "{statuses:?}");
}

#[tokio::test]
async fn sb_3_a_delete_whose_replica_dies_can_be_repeated_elsewhere() {
    let mut fleet = own_fleet().await;
    let each = fleet.each();
    for round in 0..3 {
        let session = warm(&each).await;
        let call = session.at(&each[1]).headed(each[1].delete());
        let interrupted = tokio::spawn(call.try_send());
        // The replica dies while it deletes, or just before or after.
        for _ in 0..round * 5 {
            tokio::task::yield_now().await;
        }
        fleet.replicas[1].kill();
        let first = interrupted.await.unwrap().ok().map(|answer| answer.status);
        assert!(!first.is_some_and(|status| status.is_server_error()), "{first:?}");
        let status = session.at(&each[2]).delete().await;
        assert!(
            status.is_success() || status == StatusCode::NOT_FOUND,
            "the repeated DELETE is answered with {status} after {first:?}"
        );
        for endpoint in [&each[0], &each[2]] {
            assert_all_not_found(endpoint, &session.id).await;
        }
        fleet.replicas[1].restart().await;
        assert_all_not_found(&each[1], &session.id).await;
    }
}

#[tokio::test]
async fn sb_11_s6_missing_400_unknown_404_deleted_2xx_at_every_replica() {
    let fleet = own_fleet().await;
    let each = &fleet.each();
    for endpoint in each {
        for call in [endpoint.post(&list_request()), endpoint.get(), endpoint.delete()] {
            let call = call.header("mcp-protocol-version", REVISION);
            assert_eq!(call.send().await.status, StatusCode::BAD_REQUEST);
        }
        assert_all_not_found(endpoint, UNKNOWN).await;
    }
    // A session that A opened, deleted by A; then the same by those that did not open it.
    for endpoint in each {
        let session = Session::open(&each[0]).await;
        let kept = Session::open(&each[0]).await;
        let status = session.at(endpoint).delete().await;
        assert!(
            status == StatusCode::OK || status == StatusCode::NO_CONTENT,
            "official clients report {status} as a failure"
        );
        for endpoint in each {
            assert_all_not_found(endpoint, &session.id).await;
            assert_eq!(text_of(&kept.at(endpoint).tool("hello", json!({})).await), "hi");
        }
    }
}
