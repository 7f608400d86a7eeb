//! What goes wrong around the replicas, at random.

use super::node::Node;
use super::{Replica, World};

/// How long the troubles last, in milliseconds: from a hiccup to longer than any lease.
const SPANS: [std::ops::Range<u64>; 3] = [1..500, 500..5_000, 5_000..40_000];

/// Troubles one replica or the backend, again and again for `rounds` times, and leaves everything in order.
pub(crate) async fn trouble(world: &World, nodes: &[Node], rounds: u64) {
    let replicas: Vec<Replica> = nodes.iter().map(|node| node.replica.clone()).collect();
    trouble_replicas(world, &replicas, rounds).await;
}

/// The same for replicas that run something else.
pub(crate) async fn trouble_replicas(world: &World, replicas: &[Replica], rounds: u64) {
    for _ in 0..rounds {
        world.pass(0..4_000).await;
        let replica =
            &replicas[usize::try_from(world.draw(0..replicas.len() as u64)).expect("a small number")];
        let span = SPANS[usize::try_from(world.draw(0..3)).expect("a small number")].clone();
        match world.draw(0..6) {
            0 | 1 => {
                replica.pause();
                world.pass(span).await;
                replica.resume();
            }
            2 | 3 => {
                replica.cut();
                world.pass(span).await;
                replica.heal();
            }
            4 => {
                world.outage();
                world.pass(span).await;
                world.recover();
            }
            _ => {
                world.stop();
                world.pass(span).await;
                world.go_on();
            }
        }
    }
}
