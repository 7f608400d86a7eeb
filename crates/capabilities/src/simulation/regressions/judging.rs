//! Who may be called dead.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::owner::Judge as _;
use crate::simulation::coordinator::LEASE_TTL;
use crate::simulation::node::Node;
use crate::simulation::{Faults, World, breaks_without, for_seeds};
use crate::weakness::Weakness;

/// All replicas judge each other all the time; nobody has died.
async fn judge_each_other(world: World, outage: Duration) {
    let nodes = Node::boot_all(&world).await;
    sleep(LEASE_TTL * 2 + Duration::from_millis(world.draw(0..5_000))).await;
    let owners: Vec<_> = nodes.iter().map(|node| node.fleet.replica().owner()).collect();
    world.outage();
    sleep(outage).await;
    world.recover();
    let end = Instant::now() + LEASE_TTL * 2;
    while Instant::now() < end {
        for judge in &nodes {
            for owner in owners.iter().flatten() {
                let (replica, owner) = (judge.fleet.replica().clone(), owner.clone());
                let judged = judge
                    .replica
                    .run(async move { replica.is_dead(&owner).await })
                    .await;
                if matches!(judged, Some(Ok(true))) {
                    world.violated("a replica that lives is called dead after an outage");
                }
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn an_outage_shorter_than_a_lease_kills_nobody() {
    // Longer than two thirds of the lease: the first one back finds the others' leases gone.
    let outage = LEASE_TTL * 9 / 10;
    for missing in [Weakness::JudgesDisturbed, Weakness::JudgesAtOnce] {
        breaks_without(missing, &Faults::none(), |world| judge_each_other(world, outage));
    }
}

#[test]
fn an_outage_longer_than_a_lease_kills_nobody() {
    let outage = LEASE_TTL * 5 / 2;
    for missing in [Weakness::JudgesDisturbed, Weakness::JudgesAtOnce] {
        breaks_without(missing, &Faults::none(), |world| judge_each_other(world, outage));
    }
}

#[test]
fn whoever_lives_is_never_called_dead_after_an_outage_of_any_length() {
    for_seeds(12, &Faults::none(), |world| async move {
        let outage = Duration::from_millis(world.draw(1..60_000));
        judge_each_other(world, outage).await;
    });
}
