//! Sessions of the legacy era: who gets one, what a wrong one is answered with, how one ends.

use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use serde_json::json;

use crate::support::deadline::until_true;
use crate::support::gateway::{Gateway, Settings};
use crate::support::http::Call;
use crate::support::legacy::{REVISION, Session, initialize};
use crate::support::mcp::text_of;
use crate::support::modern::Client;
use crate::support::session_requests::{UNKNOWN, assert_all_not_found, list_request};

async fn gateway() -> Gateway {
    Settings::new().mock_tool("hello", "hi").start().await
}

#[tokio::test]
async fn s6_unknown_session_is_404_missing_is_400() {
    let gateway = gateway().await;
    let unknown = gateway
        .endpoint
        .post(&list_request())
        .header("mcp-session-id", UNKNOWN)
        .header("mcp-protocol-version", REVISION)
        .send()
        .await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);

    let missing = gateway
        .endpoint
        .post(&list_request())
        .header("mcp-protocol-version", REVISION)
        .send()
        .await;
    assert_eq!(missing.status, StatusCode::BAD_REQUEST);
    let missing = gateway.endpoint.post(&list_request()).send().await;
    assert_eq!(missing.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn s12_modern_request_with_stale_session_id_is_stateless() {
    let gateway = gateway().await;
    let session = Session::open(&gateway.endpoint).await;
    assert!(session.delete().await.is_success());

    let client = Client::new(&gateway.endpoint);
    for stale in [session.id.as_str(), UNKNOWN] {
        let answer = client
            .post(&json!(1), "tools/list", json!({}))
            .header("mcp-session-id", stale)
            .send()
            .await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("mcp-session-id"), None);
        let response = answer.json().await;
        assert_eq!(response["result"]["tools"][0]["name"], "hello");
    }
}

#[tokio::test]
async fn an_11_unknown_session_is_404_for_every_kind_of_request() {
    let gateway = gateway().await;
    let long = "x".repeat(2000);
    for session in [UNKNOWN, "no-such-session", "../../etc", &long] {
        assert_all_not_found(&gateway.endpoint, session).await;
    }
}

#[tokio::test]
async fn an_11_id_with_one_changed_character_is_404() {
    let gateway = gateway().await;
    let session = Session::open(&gateway.endpoint).await;
    let last = session.id.chars().next_back().unwrap();
    let other = if last == '0' { '1' } else { '0' };
    let first = session.id.chars().next().unwrap();
    let changed_end = format!("{}{other}", &session.id[..session.id.len() - 1]);
    let changed_start = format!("{}{}", if first == 'a' { 'b' } else { 'a' }, &session.id[1..]);
    assert_all_not_found(&gateway.endpoint, &changed_end).await;
    assert_all_not_found(&gateway.endpoint, &changed_start).await;
    assert_eq!(text_of(&session.tool("hello", json!({})).await), "hi");
}

#[tokio::test]
async fn an_11_expired_session_is_404_for_every_kind_of_request() {
    let gateway = Settings::new()
        .mock_tool("hello", "hi")
        .server("session_idle_timeout_ms", 1000)
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let opened = Instant::now();
    // Any look at the session would keep it alive, so only the clock can be watched.
    until_true("the idle time to pass", async || {
        opened.elapsed() > Duration::from_millis(2500)
    })
    .await;
    assert_all_not_found(&gateway.endpoint, &session.id).await;
}

#[tokio::test]
async fn a_session_in_use_outlives_its_idle_timeout() {
    let gateway = Settings::new()
        .mock_tool("hello", "hi")
        .server("session_idle_timeout_ms", 2000)
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let opened = Instant::now();
    until_true("three idle timeouts to pass in use", async || {
        session.tool("hello", json!({})).await;
        opened.elapsed() > Duration::from_secs(6)
    })
    .await;
}

#[tokio::test]
async fn an_12_a_chosen_session_id_is_never_given() {
    let gateway = gateway().await;
    let chosen = "chosen-by-the-client";
    let answer = gateway
        .endpoint
        .post(&initialize(REVISION, &json!({})))
        .header("mcp-session-id", chosen)
        .send()
        .await;
    assert_ne!(answer.header("mcp-session-id"), Some(chosen));
    assert_all_not_found(&gateway.endpoint, chosen).await;
}

#[tokio::test]
async fn an_12_second_initialize_in_a_session_is_refused() {
    let gateway = gateway().await;
    let session = Session::open(&gateway.endpoint).await;
    let answer = session.send(&initialize(REVISION, &json!({"roots": {}}))).await;
    assert_eq!(answer.header("mcp-session-id"), None);
    let response = answer.json().await;
    assert!(response.get("result").is_none(), "accepted: {response}");
    assert!(response["error"]["code"].is_i64(), "no error: {response}");
    assert_eq!(text_of(&session.tool("hello", json!({})).await), "hi");
}

#[tokio::test]
async fn sb_11_missing_is_400_unknown_is_404_deleted_is_2xx() {
    let gateway = gateway().await;
    for call in [gateway.endpoint.get(), gateway.endpoint.delete()] {
        assert_eq!(call.send().await.status, StatusCode::BAD_REQUEST);
    }
    for call in [gateway.endpoint.get(), gateway.endpoint.delete()] {
        let answer = call.header("mcp-session-id", UNKNOWN).send().await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
    let session = Session::open(&gateway.endpoint).await;
    // Official clients report any other success as a failure.
    let status = session.delete().await;
    assert!(
        status == StatusCode::OK || status == StatusCode::NO_CONTENT,
        "{status}"
    );
}

#[tokio::test]
async fn a_deleted_session_is_404_for_every_kind_of_request() {
    let gateway = gateway().await;
    let session = Session::open(&gateway.endpoint).await;
    let other = Session::open(&gateway.endpoint).await;
    assert!(session.delete().await.is_success());
    assert_eq!(session.delete().await, StatusCode::NOT_FOUND);
    assert_all_not_found(&gateway.endpoint, &session.id).await;
    assert_eq!(text_of(&other.tool("hello", json!({})).await), "hi");
}

#[tokio::test]
async fn of_many_deletes_at_once_one_succeeds_and_the_rest_are_404() {
    let gateway = gateway().await;
    let session = Session::open(&gateway.endpoint).await;
    let deletes = (0..20).map(|_| session.delete());
    let statuses = futures_util::future::join_all(deletes).await;
    let successes = statuses.iter().filter(|status| status.is_success()).count();
    let not_found = statuses
        .iter()
        .filter(|status| **status == StatusCode::NOT_FOUND)
        .count();
    assert_eq!((successes, not_found), (1, 19), "{statuses:?}");
}

#[tokio::test]
async fn a_method_that_does_not_exist_is_405_and_names_those_that_do() {
    let gateway = gateway().await;
    let endpoint = &gateway.endpoint;
    let answer = Call::new(Method::PUT, endpoint.address, &endpoint.path)
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    let allowed = answer.header("allow").expect("a 405 carries Allow");
    assert_eq!(allowed, "POST, GET, DELETE");
}

#[tokio::test]
async fn session_ids_are_long_visible_ascii_and_differ() {
    let gateway = gateway().await;
    let first = Session::open(&gateway.endpoint).await;
    let second = Session::open(&gateway.endpoint).await;
    assert_ne!(first.id, second.id);
    for id in [&first.id, &second.id] {
        assert!(id.bytes().all(|byte| byte.is_ascii_graphic()), "{id:?}");
        assert!(id.len() >= 22, "less than 128 bits fit into {id}");
    }
}

#[tokio::test]
async fn every_legacy_revision_is_agreed_on_as_asked() {
    let gateway = gateway().await;
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let session = Session::open_as(&gateway.endpoint, revision, json!({})).await;
        assert_eq!(session.revision, revision);
        assert_eq!(session.greeting["serverInfo"]["name"], "mcpg");
        assert_eq!(text_of(&session.tool("hello", json!({})).await), "hi");
    }
    let session = Session::open_as(&gateway.endpoint, "1999-01-01", json!({})).await;
    assert_eq!(
        session.revision, "2025-11-25",
        "the newest one is offered instead"
    );
}
