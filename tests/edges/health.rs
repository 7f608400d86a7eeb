//! What a replica says of itself: which reasons there are, and which of them turn it red.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::deadline::{PATIENCE, until, until_true};
use crate::support::gateway::{Gateway, Settings};
use crate::support::http::Call;
use crate::support::redis::Redis;

async fn ready(gateway: &Gateway) -> (StatusCode, Value) {
    let answer = Call::new(Method::GET, gateway.operators(), "/ready").send().await;
    (answer.status, answer.json().await)
}

fn codes(body: &Value) -> Vec<&str> {
    let reasons = body["reasons"].as_array().unwrap();
    reasons
        .iter()
        .map(|reason| reason["code"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn an_outage_turns_a_strict_replica_red_until_it_is_over_for_good() {
    let redis = Redis::durable().await;
    let settings = Settings::new().mock_tool("greet", "hello").operators();
    let standard = redis.settings(settings.clone(), "p:", "a").start().await;
    let strict = settings.gateway("readiness", json!("strict"));
    let strict = redis.settings(strict, "p:", "b").start().await;
    // A server that hangs breaks no connection.
    redis.freeze();
    for gateway in [&standard, &strict] {
        until_true("the outage is told while the status stays green", async || {
            let (status, body) = ready(gateway).await;
            assert_eq!(status, StatusCode::OK, "{body}");
            codes(&body) == ["coordinator_away"]
        })
        .await;
    }
    let (_, body) = ready(&strict).await;
    let away = &body["reasons"][0];
    assert_eq!(away["turns_away"], false);
    assert_eq!(away["message"], "the coordinator redis does not answer");
    let red = until("the strict replica is red", PATIENCE, async || {
        let (status, body) = ready(&strict).await;
        (status != StatusCode::OK).then_some(body)
    })
    .await;
    assert_eq!(codes(&red), ["coordinator_away", "coordinator_unsettled"]);
    assert!(red["reasons"][0]["since_sec"].as_u64() >= Some(14), "{red}");
    assert_eq!(ready(&standard).await.0, StatusCode::OK);
    redis.thaw();
    let back = until("the coordinator is back", PATIENCE, async || {
        let (status, body) = ready(&strict).await;
        (codes(&body) == ["coordinator_unsettled"]).then_some(status)
    })
    .await;
    assert_eq!(
        back,
        StatusCode::SERVICE_UNAVAILABLE,
        "green as soon as it was back"
    );
    until_true("both are whole again", async || {
        let (status, body) = ready(&strict).await;
        status == StatusCode::OK && codes(&body).is_empty() && codes(&ready(&standard).await.1).is_empty()
    })
    .await;
}
