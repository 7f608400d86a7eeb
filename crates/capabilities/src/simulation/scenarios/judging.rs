//! Who is called dead while leases come and go.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::owner::Judge as _;
use crate::simulation::chaos::trouble;
use crate::simulation::node::Node;
use crate::simulation::{Faults, World, for_seeds};

/// One replica judges another one until `end`: the other must have been without a lease at some time meanwhile.
async fn judge(world: World, judge: Node, judged: Node, end: Instant) {
    while Instant::now() < end {
        world.pass(10..500).await;
        let before = judged.fleet.replica().owner();
        let Some(owner) = before.clone() else {
            continue;
        };
        let replica = judge.fleet.replica().clone();
        let verdict = judge
            .replica
            .run(async move { replica.is_dead(&owner).await })
            .await;
        let after = judged.fleet.replica().owner();
        if matches!(verdict, Some(Ok(true))) && before == after {
            world.violated("a replica is called dead that had its lease all the time");
        }
    }
}

async fn judging(world: World) {
    let nodes = Node::boot_all(&world).await;
    let end = Instant::now() + Duration::from_secs(90);
    let mut judges = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        let judged = &nodes[(number + 1) % nodes.len()];
        judges.push(tokio::spawn(judge(
            world.clone(),
            node.clone(),
            judged.clone(),
            end,
        )));
    }
    trouble(&world, &nodes, 3).await;
    for judge in judges {
        judge.await.expect("a judge does not panic");
    }
}

#[test]
fn i3_nobody_is_called_dead_who_has_a_lease() {
    for_seeds(25, &Faults::usual(), judging);
}

#[test]
fn whoever_died_is_called_dead_in_time() {
    for_seeds(15, &Faults::none(), |world| async move {
        let nodes = Node::boot_all(&world).await;
        world.pass(40_000..60_000).await;
        let owner = nodes[1].fleet.replica().owner().expect("it lives");
        nodes[1].replica.crash();
        // The judge's clock may be a tenth slow, and so may the time that it has to be undisturbed.
        let bound = nodes[0].fleet.replica().take_over_bound() * 11 / 10;
        sleep(bound).await;
        let replica = nodes[0].fleet.replica().clone();
        let verdict = nodes[0]
            .replica
            .run(async move { replica.is_dead(&owner).await })
            .await;
        if !matches!(verdict, Some(Ok(true))) {
            world.violated(format!("after {bound:?} a dead replica is judged {verdict:?}"));
        }
    });
}
