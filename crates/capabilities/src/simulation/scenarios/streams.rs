//! Streams that clients leave and come back to, at any replica and any place, while their owners live, stand still or
//! die: nothing is missed, nothing comes twice, and every stream ends in one way.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::calls::Opened;
use crate::simulation::chaos::trouble;
use crate::simulation::node::{IDLE, Node};
use crate::simulation::streams::{Owned, Stream};
use crate::simulation::{Faults, LEASE_TTL, World, for_seeds};
use crate::sweeper::Sweeper;

/// How long the troubles and what follows from them may last.
const AFTERMATH: Duration = Duration::from_secs(75);
/// After how long a stream whose owner is dead has ended once everything works: its lease, the time for which whoever
/// judges must have been undisturbed, and a few looks.
const SILENCE: Duration = Duration::from_secs(50);

/// Runs one call as its owner, with events, looks and signs of life in between.
async fn own(world: World, node: Node, stream: Stream) {
    let started = node.calls.now();
    world.pass(0..1_000).await;
    let Opened::Open(open) = stream.call.open(&node, started).await else {
        return;
    };
    let mut owned = stream.begin(&node, open);
    for _ in 0..world.draw(0..12) {
        world.pass(0..1_500).await;
        if goes_on(&world, &node, &stream, &mut owned).await.is_err() {
            owned.open.tidy().await;
            return;
        }
    }
    let _ = owned.say(&node, 1, true).await;
    owned.close();
    owned.open.tidy().await;
}

async fn goes_on(world: &World, node: &Node, stream: &Stream, owned: &mut Owned) -> Result<(), ()> {
    let refused = match world.draw(0..8) {
        0 => stream.call.look(node, &mut owned.open).await.err(),
        1 => match node.fleet.replica().owner() {
            Some(owner) => stream.call.keep_alive(node, &mut owned.open, &owner).await.err(),
            None => None,
        },
        2 => return owned.ask(node).await.map_err(drop),
        _ => return owned.say(node, world.draw(1..4), false).await.map_err(drop),
    };
    if let Some(refused) = refused {
        owned.refused(node, refused);
        return Err(());
    }
    Ok(())
}

/// Comes back again and again, at one replica or two at once, behind what it has seen or something earlier.
async fn comes_back(world: World, nodes: Vec<Node>, stream: Stream) {
    for _ in 0..world.draw(1..5) {
        world.pass(0..6_000).await;
        for _ in 0..world.draw(1..3) {
            let newest = stream.newest();
            let after = world.draw(newest.saturating_sub(3)..newest + 1);
            let at = usize::try_from(world.draw(0..nodes.len() as u64)).expect("a small number");
            let (stream, node) = (stream.clone(), nodes[at].clone());
            tokio::spawn(async move { stream.resume(&node, after).await });
        }
    }
}

/// Answers what was asked, twice now and then.
async fn answers(world: World, nodes: Vec<Node>, stream: Stream) {
    for _ in 0..8 {
        world.pass(0..2_500).await;
        let asked = stream.call.asked();
        if asked > 0 {
            let at = usize::try_from(world.draw(0..nodes.len() as u64)).expect("a small number");
            let text = if world.chance(500) { "left" } else { "right" };
            stream
                .call
                .answer(&nodes[at], world.draw(1..asked + 1), text)
                .await;
        }
    }
}

async fn cancels(world: World, node: Node, stream: Stream) {
    world.pass(0..8_000).await;
    stream.cancel(&node).await;
}

/// What a replica does for all: every replica, because leadership proves nothing.
pub(super) fn tends(node: &Node, end: Instant) {
    let own = node.clone();
    node.replica.start(async move {
        let sweeper = Sweeper {
            key_value: own.fleet.primitives().key_value.clone(),
            judge: own.fleet.replica().clone(),
            calls: own.calls.clone(),
            mailbox: own.mailbox.clone(),
            gets: None,
            subscriptions: None,
        };
        while Instant::now() < end {
            sweeper.round().await;
            sleep(Sweeper::pause(LEASE_TTL)).await;
        }
    });
    let calls = node.calls.clone();
    node.replica.start(async move { calls.tend_budgets().await });
}

/// Nobody follows a stream in silence once its owner is gone and everything works.
pub(super) async fn nobody_waits_for_ever(world: &World, nodes: &[Node], streams: &[Stream]) {
    world.set_faults(Faults {
        stale_reads: world.stale_reads(),
        ..Faults::none()
    });
    sleep(SILENCE).await;
    for stream in streams {
        if let Some(number) = stream.silent(nodes) {
            let id = stream.call.key.id();
            world.violated(format!("connection {number} of stream {id} waits in silence"));
        }
    }
}

pub(super) async fn random_streams(world: World) {
    let nodes = Node::boot_all(&world).await;
    sleep(Duration::from_secs(20)).await;
    let end = Instant::now() + AFTERMATH + SILENCE;
    let mut streams = Vec::new();
    let mut clients = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        tends(node, end);
        let stream = Stream::new(&world, &number.to_string());
        node.replica
            .start(own(world.clone(), node.clone(), stream.clone()));
        clients.push(tokio::spawn(comes_back(
            world.clone(),
            nodes.clone(),
            stream.clone(),
        )));
        clients.push(tokio::spawn(answers(
            world.clone(),
            nodes.clone(),
            stream.clone(),
        )));
        if world.chance(400) {
            let other = nodes[(number + 1) % nodes.len()].clone();
            clients.push(tokio::spawn(cancels(world.clone(), other, stream.clone())));
        }
        streams.push(stream);
    }
    if world.chance(300) {
        nodes[0]
            .replica
            .at_operation(world.draw(1..60), world.draw_crash());
    }
    trouble(&world, &nodes, 2).await;
    for client in clients {
        client.await.expect("a client does not panic");
    }
    nobody_waits_for_ever(&world, &nodes, &streams).await;
    sleep(IDLE * 3).await;
    for stream in &streams {
        if world.stands(&stream.call.key.head()) {
            world.violated("the head of a call outlives everybody");
        }
    }
}

/// The owner dies while a client reads at one replica; says when the stream ended there.
async fn owner_dies(world: World) {
    let nodes = Node::boot_all(&world).await;
    let [a, b, c] = &nodes[..] else {
        unreachable!("three replicas boot in a world without faults");
    };
    sleep(Duration::from_secs(40)).await;
    tends(c, Instant::now() + Duration::from_secs(60));
    let stream = Stream::new(&world, "1");
    let Opened::Open(open) = stream.call.open(a, a.calls.now()).await else {
        unreachable!("nothing stands in the way");
    };
    let mut owned = stream.begin(a, open);
    let _ = owned.say(a, 1, false).await;
    let (node, of_reader) = (b.clone(), stream.clone());
    let reading = tokio::spawn(async move { of_reader.resume(&node, 0).await });
    world.pass(100..5_000).await;
    a.replica.crash();
    let died = Instant::now();
    reading.await.expect("a client does not panic");
    // The lease, a second, and the pause between two looks of a reader that nobody wakes; clocks may be a tenth off.
    let bound = (LEASE_TTL + Duration::from_secs(3)).mul_f64(1.1);
    if !stream.was_lost() || died.elapsed() > bound {
        world.violated(format!(
            "a stream ended {:?} after its owner died",
            died.elapsed()
        ));
    }
}

#[test]
fn d8_the_stream_of_a_dead_owner_ends_within_the_take_over_bound() {
    for_seeds(10, &Faults::none(), owner_dies);
}

#[test]
fn i6_streams_are_read_elsewhere_without_gap_or_copy_over_seeds() {
    for_seeds(20, &Faults::usual(), random_streams);
}

#[test]
fn i6_streams_hold_where_reads_may_be_old() {
    let faults = Faults {
        stale_reads: Duration::from_secs(8),
        resend: 0,
        ..Faults::usual()
    };
    for_seeds(10, &faults, random_streams);
}
