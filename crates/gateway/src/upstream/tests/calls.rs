//! Requests whose answer is JSON.

use super::super::{Session, UpstreamError, Via};
use super::server::{Reply, eventually};
use super::*;

fn session() -> Session {
    Session::new(Some("mine".to_owned()), ProtocolVersion::V2025_11_25)
}

async fn outcome_of(
    reply: impl Fn(&Received) -> Reply + Send + Sync + 'static,
) -> Result<Value, UpstreamError> {
    let server = Server::start(reply).await;
    let upstream = upstream(server.address);
    let (caller, _events) = legacy_caller();
    upstream
        .request(Via::Session(&session()), &call(&json!({})), &caller)
        .await
        .map(text)
}

#[tokio::test]
async fn a_result_is_passed_on_byte_for_byte() {
    let server = Server::start(|received| {
        let id = received.id();
        Reply::Text(
            ::http::StatusCode::OK,
            format!(r#"{{"id":{id},"jsonrpc":"2.0","result":{{"n": 1.50,"u":"\u0041"}}}}"#),
        )
    })
    .await;
    let upstream = upstream(server.address);
    let (caller, _events) = legacy_caller();
    // Without a content type of JSON it is no answer.
    let refused = upstream
        .request(Via::Session(&session()), &call(&json!({})), &caller)
        .await;
    assert!(matches!(refused, Err(UpstreamError::Protocol(_))), "{refused:?}");
    let server = Server::start(|received| {
        let (reply, events) = Reply::stream();
        events.raw(format!(
            "data: {{\"id\":{},\"jsonrpc\":\"2.0\",\"result\":{{\"n\": 1.50,\"u\":\"\\u0041\"}}}}\n\n",
            received.id()
        ));
        reply
    })
    .await;
    let upstream = super::upstream(server.address);
    let result = upstream
        .request(Via::Session(&session()), &call(&json!({})), &caller)
        .await
        .unwrap();
    assert_eq!(result.get(), r#"{"n": 1.50,"u":"\u0041"}"#);
}

#[tokio::test]
async fn ids_and_progress_tokens_are_never_the_clients() {
    let server = Server::start(|received| Reply::ok(received.result(json!({})))).await;
    let upstream = upstream(server.address);
    let (mut caller, _events) = legacy_caller();
    caller.progress_token = Some(raw(&json!(7)));
    let mut request = call(&json!({ "x": 1 }));
    request.params = Some(raw(
        &json!({ "name": "work", "_meta": { "progressToken": 7, "mine": true } }),
    ));
    for _ in 0..2 {
        upstream
            .request(Via::Session(&session()), &request, &caller)
            .await
            .unwrap();
    }
    let received = server.received("tools/call");
    let ids: Vec<Value> = received.iter().map(Received::id).collect();
    assert!(
        ids.iter().all(|id| id.as_str().unwrap().starts_with("boot-")),
        "{ids:?}"
    );
    assert_ne!(ids[0], ids[1]);
    for call in &received {
        assert!(
            call.body["params"]["_meta"]["progressToken"]
                .as_str()
                .unwrap()
                .starts_with("boot-")
        );
        assert_eq!(call.body["params"]["_meta"]["mine"], true);
        assert_eq!(call.session(), Some("mine"));
    }
}

#[tokio::test]
async fn configured_headers_are_on_every_request() {
    let server = legacy_server(|received| {
        (received.header("authorization") != Some("Bearer x")).then(|| Reply::status(401))
    })
    .await;
    let mut settings = settings(server.address);
    web(&mut settings)
        .headers
        .insert("authorization", ::http::HeaderValue::from_static("Bearer x"));
    let upstream = Upstream::new(settings, Mint::new("boot")).unwrap();
    let running = supervise(&upstream);
    up(&upstream).await;
    drop(running);
    let deleted = server.wait_for("DELETE", 1).await;
    assert_eq!(deleted[0].header("authorization"), Some("Bearer x"));
    assert_eq!(
        server.wait_for("GET", 1).await[0].header("authorization"),
        Some("Bearer x")
    );
}

#[tokio::test]
async fn errors_say_what_the_caller_may_do() {
    let rpc = outcome_of(|received| Reply::ok(received.error(-5))).await;
    assert!(
        matches!(&rpc, Err(UpstreamError::Rpc(error)) if error.get().contains("-5")),
        "{rpc:?}"
    );
    let rpc =
        outcome_of(|received| Reply::Json(::http::StatusCode::INTERNAL_SERVER_ERROR, received.error(-6)))
            .await;
    assert!(matches!(rpc, Err(UpstreamError::Rpc(_))), "{rpc:?}");
    let refused = outcome_of(|_| Reply::Text(::http::StatusCode::BAD_GATEWAY, "oops\r\n".to_owned())).await;
    assert!(
        matches!(&refused, Err(UpstreamError::Refused { status, body }) if *status == 502 && body == "oops")
    );
    let gone = outcome_of(|_| Reply::status(404)).await;
    assert!(matches!(gone, Err(UpstreamError::SessionGone)), "{gone:?}");
    let wrong = outcome_of(|_| Reply::ok(json!({ "jsonrpc": "2.0", "id": 99, "result": {} }))).await;
    assert!(matches!(wrong, Err(UpstreamError::Protocol(_))), "{wrong:?}");
    let nonsense = outcome_of(|_| Reply::ok(json!("hello"))).await;
    assert!(
        matches!(nonsense, Err(UpstreamError::Protocol(_))),
        "{nonsense:?}"
    );
    let accepted = outcome_of(|_| Reply::status(202)).await;
    assert!(
        matches!(accepted, Err(UpstreamError::Protocol(_))),
        "{accepted:?}"
    );
}

#[tokio::test]
async fn an_upstream_that_refuses_connections_was_not_sent_anything() {
    let server = Server::start(|_| Reply::Silence).await;
    let address = server.address;
    drop(server);
    let upstream = upstream(address);
    let (caller, _events) = legacy_caller();
    eventually("the port is closed", || {
        std::net::TcpStream::connect(address).is_err()
    })
    .await;
    let outcome = upstream
        .request(Via::Session(&session()), &call(&json!({})), &caller)
        .await;
    assert!(
        matches!(outcome, Err(UpstreamError::NotSent { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_handshake_that_hangs_ends_with_the_time_to_connect() {
    // Accepts connections and never says a word of TLS.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut settings = settings(address);
    web(&mut settings).url = format!("https://{address}/mcp").parse().unwrap();
    web(&mut settings).connect_timeout = Duration::from_millis(50);
    let upstream = Upstream::new(settings, Mint::new("boot")).unwrap();
    let (caller, _events) = legacy_caller();
    let outcome = upstream
        .request(Via::Session(&session()), &call(&json!({})), &caller)
        .await;
    assert!(
        matches!(&outcome, Err(UpstreamError::NotSent { cause }) if cause.contains("50 ms")),
        "{outcome:?}"
    );
    drop(listener);
}

#[tokio::test]
async fn i7_a_connection_that_breaks_before_the_answer_leaves_the_outcome_unknown_and_nothing_is_repeated() {
    for broken in [|| Reply::Silence, || Reply::Broken] {
        let server = Server::start(move |_| broken()).await;
        let upstream = upstream(server.address);
        let calling = tokio::spawn(async move {
            let (caller, _events) = legacy_caller();
            upstream
                .request(Via::Session(&session()), &call(&json!({})), &caller)
                .await
                .map(text)
        });
        server.wait_for("tools/call", 1).await;
        let (address, count) = (server.address, server.count("tools/call"));
        drop(server);
        let again = Server::start_at(address, |received| Reply::ok(received.result(json!({})))).await;
        let outcome = calling.await.unwrap();
        assert!(matches!(outcome, Err(UpstreamError::Lost { .. })), "{outcome:?}");
        assert_eq!((count, again.count("tools/call")), (1, 0));
    }
}

#[tokio::test]
async fn an_answer_over_the_limit_is_refused() {
    let large = "x".repeat(65 * 1024);
    let text = large.clone();
    let json = outcome_of(move |received| Reply::ok(received.result(json!({ "text": text })))).await;
    assert!(
        matches!(json, Err(UpstreamError::TooLarge { limit: 65536 })),
        "{json:?}"
    );
    let event = outcome_of(move |received| {
        let (reply, events) = Reply::stream();
        events.message(&received.result(json!({ "text": large })));
        reply
    })
    .await;
    assert!(
        matches!(event, Err(UpstreamError::TooLarge { limit: 65536 })),
        "{event:?}"
    );
}

#[tokio::test]
async fn connections_are_used_again() {
    let server = Server::start(|received| Reply::ok(received.result(json!({})))).await;
    let upstream = upstream(server.address);
    let (caller, _events) = legacy_caller();
    for number in 0..20 {
        let session = Session::new(Some(format!("s{number}")), ProtocolVersion::V2025_11_25);
        upstream
            .request(Via::Session(&session), &call(&json!({})), &caller)
            .await
            .unwrap();
    }
    assert!(
        server.connections() <= 3,
        "{} connections for 20 calls in a row",
        server.connections()
    );
}

#[tokio::test]
async fn i11_one_call_that_hangs_does_not_delay_another() {
    let server = Server::start(|received| {
        if received.body["params"]["arguments"]["hang"] == true {
            Reply::Silence
        } else {
            Reply::ok(received.result(json!({})))
        }
    })
    .await;
    let upstream = upstream(server.address);
    let (caller, _events) = legacy_caller();
    let (session, hanging) = (session(), call(&json!({ "hang": true })));
    let mut hung = Box::pin(upstream.request(Via::Session(&session), &hanging, &caller));
    tokio::select! {
        _ = &mut hung => unreachable!("nobody answered it"),
        _ = server.wait_for("tools/call", 1) => {}
    }
    upstream
        .request(Via::Session(&session), &call(&json!({})), &caller)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_future_of_a_call_is_small() {
    let server = Server::start(|_| Reply::Silence).await;
    let upstream = upstream(server.address);
    let (caller, _events) = legacy_caller();
    let (session, request) = (session(), call(&json!({})));
    let future = upstream.request(Via::Session(&session), &request, &caller);
    let size = size_of_val(&future);
    assert!(size < 8 * 1024, "{size} bytes");
}
