//! GET streams that are left and come back to at random, while replicas die and are paused.

use std::time::Duration;

use tokio::time::sleep;

use crate::simulation::chaos::trouble;
use crate::simulation::gets::Client;
use crate::simulation::node::Node;
use crate::simulation::{Faults, World, for_seeds};

/// How long the client waits at the end: until a dead claimant was taken over and everything under way has arrived.
const AFTERMATH: Duration = Duration::from_secs(60);
const STREAMS: u64 = 3;

/// Comes and goes on one stream, sometimes without the replica before noticing.
async fn reads(world: World, nodes: Vec<Node>, client: Client, stream: u64) {
    for _ in 0..world.draw(2..8) {
        world.pass(0..4_000).await;
        let at = usize::try_from(world.draw(0..nodes.len() as u64)).expect("a small number");
        client.connect(&nodes[at], stream);
        world.pass(0..6_000).await;
        if world.chance(600) {
            client.leave(stream);
        }
    }
}

async fn says(world: World, node: Node, client: Client, name: &'static str) {
    for number in 0..world.draw(2..10) {
        world.pass(0..4_000).await;
        let (own, saying) = (node.clone(), client.clone());
        let text = format!("{name}{number}");
        node.replica
            .run(async move { saying.say(&own, &text).await })
            .await;
    }
}

async fn speaks(world: World, client: Client) {
    for _ in 0..world.draw(3..15) {
        world.pass(0..3_000).await;
        client.upstream_speaks();
    }
}

pub(super) async fn random_streams(world: World) {
    let nodes = Node::boot_all(&world).await;
    sleep(Duration::from_secs(20)).await;
    let client = Client::new(&world);
    let mut work = vec![tokio::spawn(speaks(world.clone(), client.clone()))];
    for (node, name) in nodes.iter().zip(["a", "b", "c"]) {
        let (own, reading) = (node.clone(), client.clone());
        node.replica
            .start(async move { reading.read_upstream(&own).await });
        work.push(tokio::spawn(says(
            world.clone(),
            node.clone(),
            client.clone(),
            name,
        )));
    }
    for stream in 1..=STREAMS {
        work.push(tokio::spawn(reads(
            world.clone(),
            nodes.clone(),
            client.clone(),
            stream,
        )));
    }
    if world.chance(300) {
        nodes[0]
            .replica
            .at_operation(world.draw(1..80), world.draw_crash());
    }
    trouble(&world, &nodes[1..], 2).await;
    for one in work {
        one.await.expect("nobody panics");
    }
    world.set_faults(Faults::none());
    for round in 0..3 {
        for stream in 1..=STREAMS {
            client.connect(
                &nodes[1 + (round + usize::try_from(stream).expect("small")) % 2],
                stream,
            );
        }
        sleep(AFTERMATH / 3).await;
    }
    client.check();
}

#[test]
fn i6_each_message_is_on_one_stream_once_and_in_order_over_seeds() {
    for_seeds(20, &Faults::usual(), random_streams);
}

#[test]
fn i6_get_streams_hold_where_reads_may_be_old() {
    let faults = Faults {
        stale_reads: Duration::from_secs(8),
        resend: 0,
        ..Faults::usual()
    };
    for_seeds(10, &faults, random_streams);
}
