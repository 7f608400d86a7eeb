//! Sessions of clients, and the shared one.

use super::super::{ClientProfile, Session, UpstreamError, Via};
use super::server::{Reply, eventually};
use super::*;

fn profile() -> ClientProfile {
    ClientProfile {
        version: ProtocolVersion::V2025_06_18,
        capabilities: Arc::from(raw(&json!({ "roots": { "listChanged": true } }))),
        client_info: Some(Arc::from(raw(&json!({ "name": "client", "version": "3" })))),
    }
}

#[tokio::test]
async fn a_session_is_opened_as_the_client_would_open_it_and_closed_again() {
    let server = legacy_server(|received| {
        (received.method() == "initialize").then(|| {
            let wanted = received.body["params"]["protocolVersion"].as_str().unwrap();
            Reply::Session("s-1".to_owned(), received.result(initialized(wanted)))
        })
    })
    .await;
    let upstream = upstream(server.address);
    let session = upstream.open(&profile()).await.unwrap();
    assert_eq!(
        session,
        Session::new(Some("s-1".to_owned()), ProtocolVersion::V2025_06_18)
    );
    let params = &server.received("initialize")[0].body["params"];
    assert_eq!(
        params["capabilities"],
        json!({ "roots": { "listChanged": true } })
    );
    assert_eq!(params["clientInfo"], json!({ "name": "client", "version": "3" }));
    let initialized = &server.received("notifications/initialized")[0];
    assert_eq!(initialized.session(), Some("s-1"));
    assert_eq!(initialized.header("mcp-protocol-version"), Some("2025-06-18"));
    upstream
        .notify(Via::Session(&session), "notifications/roots/list_changed", None)
        .await
        .unwrap();
    assert_eq!(
        server.received("notifications/roots/list_changed")[0].session(),
        Some("s-1")
    );
    upstream.close(&session).await;
    assert_eq!(server.received("DELETE")[0].session(), Some("s-1"));
}

#[tokio::test]
async fn a_handshake_that_fails_half_way_leaves_no_session_behind() {
    let server = legacy_server(|received| {
        (received.method() == "notifications/initialized").then(|| Reply::status(500))
    })
    .await;
    let upstream = upstream(server.address);
    let outcome = upstream.open(&profile()).await;
    assert!(
        matches!(outcome, Err(UpstreamError::Refused { .. })),
        "{outcome:?}"
    );
    let closed = server.wait_for("DELETE", 1).await;
    assert_eq!(closed[0].session(), Some("session-1"));
}

#[tokio::test]
async fn a_session_that_is_gone_is_reported_and_not_opened_again_by_itself() {
    let server =
        legacy_server(|received| (received.method() == "tools/call").then(|| Reply::status(404))).await;
    let upstream = upstream(server.address);
    let (caller, _events) = legacy_caller();
    let session = upstream.open(&profile()).await.unwrap();
    let outcome = upstream
        .request(Via::Session(&session), &call(&json!({})), &caller)
        .await;
    assert!(matches!(outcome, Err(UpstreamError::SessionGone)), "{outcome:?}");
    assert_eq!((server.count("initialize"), server.count("tools/call")), (1, 1));
    assert_eq!(server.count("notifications/cancelled"), 0);
}

#[tokio::test]
async fn the_shared_session_is_opened_once_and_again_when_it_is_gone() {
    let server = legacy_server(|received| {
        (received.method() == "tools/call").then(|| match received.session() {
            Some("session-1") if received.body["params"]["arguments"]["old"].is_null() => Reply::status(404),
            _ => Reply::ok(received.result(json!({ "session": received.session() }))),
        })
    })
    .await;
    let upstream = upstream(server.address);
    let (caller, _events) = caller(ProtocolVersion::V2026_07_28);
    let old = call(&json!({ "old": true }));
    let calls = (0..5).map(|_| upstream.request(Via::Shared, &old, &caller));
    for outcome in futures_util::future::join_all(calls).await {
        assert_eq!(text(outcome.unwrap()), json!({ "session": "session-1" }));
    }
    assert_eq!(server.count("initialize"), 1);
    assert_eq!(
        server.received("initialize")[0].body["params"]["capabilities"],
        json!({})
    );
    let request = call(&json!({}));
    let calls = (0..5).map(|_| upstream.request(Via::Shared, &request, &caller));
    for outcome in futures_util::future::join_all(calls).await {
        assert_eq!(text(outcome.unwrap()), json!({ "session": "session-2" }));
    }
    assert_eq!(server.count("initialize"), 2);
}

#[tokio::test]
async fn a_shared_session_that_is_gone_twice_is_given_up() {
    let server =
        legacy_server(|received| (received.method() == "tools/call").then(|| Reply::status(404))).await;
    let upstream = upstream(server.address);
    let (caller, _events) = legacy_caller();
    let outcome = upstream.request(Via::Shared, &call(&json!({})), &caller).await;
    assert!(matches!(outcome, Err(UpstreamError::SessionGone)), "{outcome:?}");
    assert_eq!((server.count("initialize"), server.count("tools/call")), (2, 2));
}

#[tokio::test]
async fn stopping_closes_the_shared_session() {
    let server = legacy_server(|_| None).await;
    let upstream = upstream(server.address);
    let running = supervise(&upstream);
    up(&upstream).await;
    assert_eq!(server.count("DELETE"), 0);
    drop(running);
    eventually("it is closed", || server.count("DELETE") == 1).await;
    assert_eq!(server.received("DELETE")[0].session(), Some("session-1"));
}

#[tokio::test]
async fn a_session_of_an_upstream_without_ids_costs_nothing_to_close() {
    let server = legacy_server(|_| None).await;
    let upstream = upstream(server.address);
    upstream
        .close(&Session::new(None, ProtocolVersion::V2025_11_25))
        .await;
    assert_eq!(server.count("DELETE"), 0);
}
