//! The official conformance suite, whose every request may go to another replica.

use crate::support::balancer::Policy;
use crate::support::fleet::{Fleet, FleetSettings};
use crate::support::suite::{complaints, failures, report, scenario, scenarios};
use crate::support::upstream::Upstream;

const REVISION: &str = "2025-11-25";
/// How many scenarios that revision has, those among them that are not scored.
const SCENARIOS: &str = "33";

async fn start(settings: impl FnOnce(FleetSettings) -> FleetSettings) -> (Upstream, Fleet) {
    let upstream = Upstream::start().await;
    let fleet = settings(FleetSettings::in_front_of(&upstream.url()));
    let fleet = fleet.start().await;
    (upstream, fleet)
}

/// Runs the suite of the legacy era; every check of every scenario passes, without a warning.
async fn passes(settings: impl FnOnce(FleetSettings) -> FleetSettings) {
    let (_upstream, fleet) = start(settings).await;
    let report = report(&fleet.entry(), REVISION).await;
    assert_eq!(complaints(&report), (Vec::new(), Some(SCENARIOS)), "{report}");
    let order = fleet.balancer.order();
    assert!((0..3).all(|replica| order.contains(&replica)), "{order:?}");
}

#[tokio::test]
async fn the_official_suite_passes_over_three_replicas_in_strict_turns() {
    passes(|fleet| fleet.policy(Policy::round_robin())).await;
}

#[tokio::test]
async fn the_official_suite_passes_over_three_replicas_at_random() {
    passes(|fleet| fleet.policy(Policy::random(11))).await;
}

#[tokio::test]
async fn the_official_suite_passes_over_three_replicas_at_random_again() {
    passes(|fleet| fleet.policy(Policy::random(25))).await;
}

#[tokio::test]
async fn i1_the_official_suite_passes_without_messages_in_strict_turns() {
    passes(|fleet| fleet.without_messages().policy(Policy::round_robin())).await;
}

#[tokio::test]
async fn i1_the_official_suite_passes_without_messages_at_random() {
    passes(|fleet| fleet.without_messages().policy(Policy::random(31))).await;
}

/// Without a shared coordinator hardly anything can pass, or the suite would show nothing here.
#[tokio::test]
async fn the_official_suite_fails_over_three_replicas_that_share_nothing() {
    let (_upstream, fleet) = start(FleetSettings::single_node).await;
    let report = report(&fleet.entry(), REVISION).await;
    let (failed, _) = failures(&report);
    assert!(failed.len() > 25, "{report}");
}

/// Each replica in turn is killed between two scenarios, and started again while the next ones run.
#[tokio::test]
async fn the_official_suite_passes_while_replicas_are_killed_between_its_scenarios() {
    let (_upstream, mut fleet) = start(|fleet| fleet.policy(Policy::random(17))).await;
    let names = scenarios(&report(&fleet.entry(), REVISION).await);
    assert_eq!(names.len().to_string(), SCENARIOS, "{names:?}");
    let entry = fleet.entry();
    let mut waiting = names.iter();
    let (mut killed, mut ran) = (0, 0);
    while ran < names.len() {
        let victim = killed % fleet.replicas.len();
        fleet.replicas[victim].kill();
        killed += 1;
        // As many scenarios as the replica takes to come back, and at least one.
        let balancer = &fleet.balancer;
        let replica = &mut fleet.replicas[victim];
        let restart = async {
            replica.restart().await;
            balancer.until_in(victim).await;
        };
        let scenarios = async {
            for name in waiting.by_ref().take(5) {
                if let Err(complaint) = scenario(&entry, REVISION, name).await {
                    panic!("{name} after {killed} deaths: {complaint}");
                }
                ran += 1;
            }
        };
        tokio::join!(restart, scenarios);
    }
    assert_eq!((ran, killed), (33, 7));
}
