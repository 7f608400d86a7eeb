//! A dropped request is a cancel.

use super::super::{Session, Via};
use super::server::{Reply, eventually};
use super::*;

fn session() -> Session {
    Session::new(Some("mine".to_owned()), ProtocolVersion::V2025_11_25)
}

#[tokio::test]
async fn dropping_a_legacy_request_cancels_it_exactly_once() {
    let server = Server::start(|received| match received.method() {
        "tools/call" => Reply::Silence,
        _ => Reply::status(202),
    })
    .await;
    let upstream = upstream(server.address);
    let (caller, _events) = legacy_caller();
    let (session, request) = (session(), call(&json!({})));
    let mut calling = Box::pin(upstream.request(Via::Session(&session), &request, &caller));
    let sent = tokio::select! {
        _ = &mut calling => unreachable!("nobody answered it"),
        sent = server.wait_for("tools/call", 1) => sent,
    };
    drop(calling);
    let cancelled = server.wait_for("notifications/cancelled", 1).await;
    assert_eq!(cancelled[0].body["params"]["requestId"], sent[0].id());
    assert_eq!(cancelled[0].session(), Some("mine"));
    upstream.tasks.close();
    upstream.tasks.wait().await;
    assert_eq!(server.count("notifications/cancelled"), 1);
}

#[tokio::test]
async fn dropping_a_streaming_request_cancels_it_too() {
    let (events, mut streams) = mpsc::channel(1);
    let server = Server::start(move |received| match received.method() {
        "tools/call" => {
            let (reply, stream) = Reply::stream();
            stream.message(&json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": {} }));
            events.try_send(stream).unwrap();
            reply
        }
        _ => Reply::status(202),
    })
    .await;
    let upstream = upstream(server.address);
    let (caller, mut heard) = legacy_caller();
    let (session, request) = (session(), call(&json!({})));
    let mut calling = Box::pin(upstream.request(Via::Session(&session), &request, &caller));
    tokio::select! {
        _ = &mut calling => unreachable!("nobody answered it"),
        event = heard.recv() => assert!(matches!(event, Some(Event::Notification { .. }))),
    }
    let _open = streams.recv().await;
    drop(calling);
    server.wait_for("notifications/cancelled", 1).await;
}

#[tokio::test]
async fn a_request_that_was_answered_is_not_cancelled() {
    let server = Server::start(
        |received| match received.body["params"]["arguments"]["fail"].as_bool() {
            Some(true) => Reply::ok(received.error(-1)),
            Some(false) => Reply::ok(received.result(json!({}))),
            None => Reply::status(202),
        },
    )
    .await;
    let upstream = upstream(server.address);
    let (caller, _events) = legacy_caller();
    let session = session();
    for fail in [true, false] {
        let request = call(&json!({ "fail": fail }));
        let outcome = upstream.request(Via::Session(&session), &request, &caller).await;
        assert_eq!(outcome.is_err(), fail);
    }
    upstream.tasks.close();
    upstream.tasks.wait().await;
    assert_eq!(server.count("notifications/cancelled"), 0);
}

#[tokio::test]
async fn dropping_a_modern_request_closes_its_connection_and_says_nothing() {
    let server =
        modern_server(|received| (received.method() == "tools/call").then_some(Reply::Silence)).await;
    let upstream = upstream(server.address);
    let running = supervise(&upstream);
    up(&upstream).await;
    let (caller, _events) = caller(ProtocolVersion::V2026_07_28);
    let request = call(&json!({}));
    let mut calling = Box::pin(upstream.request(Via::Modern, &request, &caller));
    tokio::select! {
        _ = &mut calling => unreachable!("nobody answered it"),
        _ = server.wait_for("tools/call", 1) => {}
    }
    assert_eq!(server.abandoned(), 0);
    drop(calling);
    eventually("the connection is closed", || server.abandoned() == 1).await;
    drop(running);
    upstream.tasks.close();
    upstream.tasks.wait().await;
    assert_eq!(server.count("notifications/cancelled"), 0);
}
