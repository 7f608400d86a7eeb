//! The official conformance suite, whose every request may go to another replica.

use crate::support::balancer::Policy;
use crate::support::fleet::FleetSettings;
use crate::support::suite::{failures, report};
use crate::support::upstream::Upstream;

/// Runs the suite of the legacy era; every scenario of it passes.
async fn passes(policy: Policy) {
    let upstream = Upstream::start().await;
    let fleet = FleetSettings::in_front_of(&upstream.url())
        .policy(policy)
        .start()
        .await;
    let report = report(&fleet.entry(), "2025-11-25").await;
    assert_eq!(failures(&report), (Vec::new(), Some("33")), "{report}");
    let order = fleet.balancer.order();
    assert!((0..3).all(|replica| order.contains(&replica)), "{order:?}");
}

#[tokio::test]
async fn the_official_suite_passes_over_three_replicas_in_strict_turns() {
    passes(Policy::round_robin()).await;
}

#[tokio::test]
async fn the_official_suite_passes_over_three_replicas_at_random() {
    passes(Policy::random(11)).await;
}

#[tokio::test]
async fn the_official_suite_passes_over_three_replicas_at_random_again() {
    passes(Policy::random(25)).await;
}
