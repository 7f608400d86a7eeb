//! The official clients, whose every request may go to another replica.

use crate::support::balancer::Policy;
use crate::support::fleet::{Fleet, FleetSettings};
use crate::support::legacy::REVISION as LEGACY;
use crate::support::modern::REVISION as MODERN;
use crate::support::official_clients::{assert_seen, inspect_in_every_era};
use crate::support::scripts::{Script, node, python, summary};
use crate::support::upstream::Upstream;

/// Three replicas in front of an upstream of these eras.
async fn in_front_of(era: &str, policy: Policy) -> (Upstream, Fleet) {
    let upstream = Upstream::start_with(&["--era", era]).await;
    let fleet = FleetSettings::in_front_of(&upstream.url())
        .policy(policy)
        .start()
        .await;
    (upstream, fleet)
}

/// Runs a script in a legacy session, in strict turns and in an order that looks random.
async fn legacy(script: fn(&str) -> Script) {
    for policy in [Policy::round_robin(), Policy::random(2025)] {
        let (upstream, fleet) = in_front_of("legacy", policy).await;
        let seen = summary(script(&fleet.entry().url())).await;
        assert_seen(&seen, LEGACY, &upstream).await;
        let order = fleet.balancer.order();
        assert!((0..3).all(|replica| order.contains(&replica)), "{order:?}");
    }
}

#[tokio::test]
async fn python_client_in_a_session_over_three_replicas() {
    legacy(|url| python("python_client.py", &[url, "legacy"])).await;
}

#[tokio::test]
async fn typescript_client_in_a_session_over_three_replicas() {
    legacy(|url| node("typescript_client.mjs", &[url, "legacy"])).await;
}

#[tokio::test]
async fn typescript_sdk_of_the_legacy_era_over_three_replicas() {
    legacy(|url| node("typescript_sdk.mjs", &[url])).await;
}

#[tokio::test]
async fn clients_of_the_modern_era_over_three_replicas() {
    let (upstream, fleet) = in_front_of("both", Policy::round_robin()).await;
    let url = fleet.entry().url();
    for script in [
        python("python_client.py", &[&url, MODERN]),
        node("typescript_client.mjs", &[&url, MODERN]),
    ] {
        assert_seen(&summary(script).await, MODERN, &upstream).await;
    }
}

#[tokio::test]
async fn inspector_in_every_era_over_three_replicas() {
    for policy in [Policy::round_robin(), Policy::random(2026)] {
        let (_upstream, fleet) = in_front_of("both", policy).await;
        inspect_in_every_era(&fleet.entry().url()).await;
        let order = fleet.balancer.order();
        assert!((0..3).all(|replica| order.contains(&replica)), "{order:?}");
    }
}
