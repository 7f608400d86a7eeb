//! The official clients, each in every mode that it has.

use crate::support::deadline::until_true;
use crate::support::gateway::{Gateway, Settings};
use crate::support::legacy::REVISION as LEGACY;
use crate::support::modern::REVISION as MODERN;
use crate::support::official_clients::{assert_seen, inspect_in_every_era};
use crate::support::scripts;
use crate::support::upstream::Upstream;

/// A gateway in front of an upstream of these eras.
async fn in_front_of(era: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::start_with(&["--era", era]).await;
    let gateway = Settings::in_front_of(&upstream.url()).start().await;
    (upstream, gateway)
}

#[tokio::test]
async fn python_client_legacy() {
    let (upstream, gateway) = in_front_of("legacy").await;
    let script = scripts::python("python_client.py", &[&gateway.endpoint.url(), "legacy"]);
    let summary = scripts::summary(script).await;
    assert_seen(&summary, LEGACY, &upstream).await;
    // This client ends its session, and with it the one that its calls had upstream.
    until_true("the upstream session to be closed", async || {
        let sessions = &upstream.stats().await["sessions"];
        sessions["closed"].as_u64() >= Some(1)
    })
    .await;
}

#[tokio::test]
async fn python_client_auto() {
    let (upstream, gateway) = in_front_of("both").await;
    let script = scripts::python("python_client.py", &[&gateway.endpoint.url(), "auto"]);
    assert_seen(&scripts::summary(script).await, MODERN, &upstream).await;
}

#[tokio::test]
async fn python_client_pinned_to_the_modern_revision() {
    let (upstream, gateway) = in_front_of("both").await;
    let script = scripts::python("python_client.py", &[&gateway.endpoint.url(), MODERN]);
    assert_seen(&scripts::summary(script).await, MODERN, &upstream).await;
}

#[tokio::test]
async fn typescript_client_legacy() {
    let (upstream, gateway) = in_front_of("legacy").await;
    let script = scripts::node("typescript_client.mjs", &[&gateway.endpoint.url(), "legacy"]);
    assert_seen(&scripts::summary(script).await, LEGACY, &upstream).await;
}

#[tokio::test]
async fn typescript_client_auto() {
    let (upstream, gateway) = in_front_of("both").await;
    let script = scripts::node("typescript_client.mjs", &[&gateway.endpoint.url(), "auto"]);
    assert_seen(&scripts::summary(script).await, MODERN, &upstream).await;
}

#[tokio::test]
async fn typescript_client_pinned_to_the_modern_revision() {
    let (upstream, gateway) = in_front_of("both").await;
    let script = scripts::node("typescript_client.mjs", &[&gateway.endpoint.url(), MODERN]);
    assert_seen(&scripts::summary(script).await, MODERN, &upstream).await;
}

#[tokio::test]
async fn typescript_sdk_of_the_legacy_era() {
    let (upstream, gateway) = in_front_of("legacy").await;
    let script = scripts::node("typescript_sdk.mjs", &[&gateway.endpoint.url()]);
    assert_seen(&scripts::summary(script).await, LEGACY, &upstream).await;
}

#[tokio::test]
async fn inspector_in_every_era() {
    let (_upstream, gateway) = in_front_of("both").await;
    let url = gateway.endpoint.url();
    inspect_in_every_era(&url).await;
}
