//! Who is let in, and what the others are told.

use http::StatusCode;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use serde_json::json;

use crate::support::gateway::{Gateway, Settings};
use crate::support::http::{Answer, Call};
use crate::support::keys::{P, Q, entry, p_and_q};
use crate::support::legacy::{REVISION, Session, initialize};
use crate::support::mcp::{Endpoint, text_of};
use crate::support::modern::Client;
use crate::support::recorder::Recorder;
use crate::support::session_requests::{UNKNOWN, all_kinds, list_request};

const MISSING: &str = "an API key is required: send it as Authorization: Bearer KEY";
const UNREADABLE: &str = "the Authorization header is not understood: send one, as Authorization: Bearer KEY";
const INVALID: &str = "this API key is not known here: governance.access.api_keys lists the known ones";

fn settings() -> Settings {
    Settings::new().mock_tool("hello", "hi")
}

fn access(allow_anonymous: bool) -> Settings {
    let access = json!({"allow_anonymous": allow_anonymous, "api_keys": [entry("p", P)]});
    settings().block("governance", json!({ "access": access }))
}

/// Requests of every kind, valid or not, whose answer must not depend on anything but the key.
fn all(endpoint: &Endpoint) -> Vec<(&'static str, Call)> {
    let mut calls = all_kinds(endpoint, UNKNOWN);
    let modern = Client::new(endpoint).post(&json!(1), "tools/list", json!({}));
    calls.extend([
        ("initialize", endpoint.post(&initialize(REVISION, &json!({})))),
        ("a modern request", modern),
        ("a batch", endpoint.post(&json!([list_request()]))),
        ("no JSON", endpoint.post_text("{")),
        ("nothing", endpoint.post_text("")),
        (
            "a body of another type",
            endpoint.post_text("x").without("content-type"),
        ),
        ("a GET without a session", endpoint.get()),
        ("a DELETE without a session", endpoint.delete()),
    ]);
    calls
}

/// Checks that an answer is 401 in the one form that it has.
async fn assert_refused(answer: Answer, why: &str, what: &str) {
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}");
    let challenge = answer.header(WWW_AUTHENTICATE.as_str()).map(str::to_owned);
    let expected = match why {
        INVALID => "Bearer realm=\"mcpg\", error=\"invalid_token\"",
        _ => "Bearer realm=\"mcpg\"",
    };
    assert_eq!(challenge.as_deref(), Some(expected), "{what}");
    let error = json!({"code": -32600, "message": why, "data": {"reason": "unauthorized"}});
    let body = json!({"jsonrpc": "2.0", "error": error});
    assert_eq!(answer.text().await, body.to_string(), "{what}");
}

async fn refused_with(gateway: &Gateway, headers: &[&str], why: &str) {
    for (kind, call) in all(&gateway.endpoint) {
        let call = headers
            .iter()
            .fold(call, |call, value| call.header(AUTHORIZATION.as_str(), *value));
        assert_refused(call.send().await, why, &format!("{kind} with {headers:?}")).await;
    }
}

#[tokio::test]
async fn without_a_valid_key_every_request_is_refused_the_same_way() {
    let gateway = access(false).start().await;
    refused_with(&gateway, &[], MISSING).await;
    wrong_keys_are_refused(&gateway).await;
    let output = gateway.program.output();
    assert!(!output.contains(P) && !output.contains(Q), "{output}");
}

#[tokio::test]
async fn a_wrong_key_is_refused_also_where_none_is_needed() {
    let gateway = access(true).start().await;
    let session = Session::open(&gateway.endpoint).await;
    assert_eq!(text_of(&session.tool("hello", json!({})).await), "hi");
    wrong_keys_are_refused(&gateway).await;
}

async fn wrong_keys_are_refused(gateway: &Gateway) {
    let digest = entry("p", P)["sha256"].as_str().unwrap().to_owned();
    for key in [Q, "p", &digest, &P[..40], &format!("{P}x")] {
        refused_with(gateway, &[&format!("Bearer {key}")], INVALID).await;
    }
    let right = format!("Bearer {P}");
    for headers in [
        vec![""],
        vec!["Bearer"],
        vec!["Basic cDpw"],
        vec![P],
        vec![&right, &right],
        vec![&right, "Basic cDpw"],
    ] {
        refused_with(gateway, &headers, UNREADABLE).await;
    }
}

#[tokio::test]
async fn a_key_lets_its_holder_in_in_both_eras() {
    let gateway = access(false).start().await;
    let endpoint = gateway.endpoint.with_key(P);
    let session = Session::open(&endpoint).await;
    assert_eq!(text_of(&session.tool("hello", json!({})).await), "hi");
    assert_eq!(session.get().send().await.status, StatusCode::OK);
    assert_eq!(session.delete().await, StatusCode::NO_CONTENT);
    assert_eq!(
        text_of(&Client::new(&endpoint).tool("hello", json!({})).await),
        "hi"
    );
    // The scheme may be written in any case.
    let call = gateway.endpoint.post(&initialize(REVISION, &json!({})));
    let call = call.header(AUTHORIZATION.as_str(), format!("bEARER {P}"));
    assert_eq!(call.send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn whether_it_lives_everybody_may_ask() {
    let gateway = access(false).start().await;
    let health = Endpoint {
        path: "/health".to_owned(),
        ..gateway.endpoint.clone()
    };
    assert_eq!(health.get().send().await.status, StatusCode::OK);
    assert_eq!(health.with_key(Q).get().send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_foreign_host_is_refused_before_its_key_is_looked_at() {
    let gateway = access(false).start().await;
    for key in [P, Q] {
        let call = gateway.endpoint.with_key(key).post(&list_request());
        let answer = call.header("host", "evil.example").send().await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn a_bind_that_others_can_reach_is_refused_without_keys_and_consent() {
    let output = settings().server("bind_address", "0.0.0.0:0").refused().await;
    for part in [
        "gateway.server.bind_address: other machines can reach this address, and clients need no identity",
        "give clients keys (`governance.access.api_keys`, made by `mcpg key new`)",
        "or set `governance.access.allow_anonymous: true`",
    ] {
        assert!(output.contains(part), "{output}");
    }
}

#[tokio::test]
async fn a_key_in_place_of_its_digest_is_refused_without_being_shown() {
    let access = json!({"api_keys": [{"name": "p", "sha256": P}]});
    let output = settings()
        .block("governance", json!({"access": access}))
        .refused()
        .await;
    for part in [
        "governance.access.api_keys[0].sha256: this is the key itself",
        "put its SHA-256 here",
    ] {
        assert!(output.contains(part), "{output}");
    }
    assert!(!output.contains(P), "{output}");
}

/// What a client shows to the gateway is no business of upstreams.
#[tokio::test]
async fn upstreams_never_see_the_key_of_a_client() {
    let upstream = Recorder::start(r#"{"content":[]}"#).await;
    let gateway = p_and_q(Settings::in_front_of(&upstream.url)).start().await;
    let endpoint = gateway.endpoint.with_key(P);
    let session = Session::open(&endpoint).await;
    session.tool("fixed", json!({})).await;
    session
        .result("logging/setLevel", json!({"level": "debug"}))
        .await;
    session
        .notify("notifications/roots/list_changed", json!({}))
        .await;
    Client::new(&endpoint).tool("fixed", json!({})).await;
    session.delete().await;
    assert!(!upstream.seen_of("tools/call").is_empty());
    for seen in upstream.seen() {
        assert_eq!(seen.headers.get(AUTHORIZATION), None, "{seen:?}");
        let text = format!("{seen:?}");
        assert!(!text.contains(P) && !text.contains("mcpg_"), "{text}");
    }
    let output = gateway.program.output();
    assert!(!output.contains(P), "{output}");
}

/// A header that the operator sets for an upstream is the operator's, and goes there all the same.
#[tokio::test]
async fn an_upstream_gets_the_credentials_that_are_configured_for_it() {
    let upstream = Recorder::start(r#"{"content":[]}"#).await;
    let more = json!({"upstream": {"headers": {"authorization": "Bearer of-the-operator"}}});
    let settings = Settings::new().federation_with("one", &upstream.url, more);
    let gateway = p_and_q(settings).start().await;
    Session::open(&gateway.endpoint.with_key(P))
        .await
        .tool("fixed", json!({}))
        .await;
    let seen = upstream.seen();
    assert!(!seen.is_empty());
    for seen in seen {
        let values: Vec<_> = seen.headers.get_all(AUTHORIZATION).iter().collect();
        assert_eq!(values, ["Bearer of-the-operator"], "{seen:?}");
    }
}
