//! Calls with cancels, answers, pauses and sweepers: one response or none, and each answer once.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::calls::{Opened, Refused};
use crate::simulation::calls::Call;
use crate::simulation::chaos::trouble;
use crate::simulation::node::{IDLE, Node};
use crate::simulation::{Faults, World, for_seeds};

/// How long sweepers go on after the troubles: until whatever was still under way has arrived.
const AFTERMATH: Duration = Duration::from_secs(60);

/// Runs one call as its owner, with questions, looks and pauses in between.
async fn own(world: World, node: Node, call: Call) {
    let started = node.calls.now();
    world.pass(0..3_000).await;
    let Opened::Open(mut open) = call.open(&node, started).await else {
        return;
    };
    for _ in 0..world.draw(0..12) {
        world.pass(0..1_500).await;
        let refused: Option<Refused> = match world.draw(0..8) {
            0..3 => call.ask(&mut open).await.err(),
            3..6 => call.look(&node, &mut open).await.err(),
            _ => match node.fleet.replica().owner() {
                Some(owner) => call.keep_alive(&node, &mut open, &owner).await.err(),
                None => None,
            },
        };
        if refused.is_some() {
            return;
        }
    }
    call.end(&node, open).await;
}

/// Answers the questions of a call, some of them twice, with a text of its own.
async fn answers(world: World, node: Node, call: Call, text: &'static str) {
    for _ in 0..15 {
        world.pass(0..1_000).await;
        let asked = call.asked();
        if asked > 0 {
            call.answer(&node, world.draw(1..asked + 1), text).await;
        }
    }
}

async fn cancels(world: World, node: Node, call: Call) {
    world.pass(0..10_000).await;
    for _ in 0..world.draw(0..3) {
        call.cancel(&node).await;
        world.pass(0..2_000).await;
    }
}

/// Ends the calls of whoever is dead, at all replicas, until `end`.
async fn sweeps(world: World, nodes: Vec<Node>, calls: Vec<(Node, Call)>, end: Instant) {
    while Instant::now() < end {
        for sweeper in &nodes {
            for (owner, call) in &calls {
                call.sweep(sweeper, owner).await;
            }
            world.pass(100..1_000).await;
        }
    }
}

pub(super) async fn random_calls(world: World) {
    let nodes = Node::boot_all(&world).await;
    sleep(Duration::from_secs(20)).await;
    let mut calls = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        calls.push((node.clone(), Call::new(&world, &number.to_string())));
    }
    let mut clients = Vec::new();
    for (number, (owner, call)) in calls.iter().enumerate() {
        // It may be cut off by a crash, so nobody waits for it.
        owner
            .replica
            .start(own(world.clone(), owner.clone(), call.clone()));
        for (other, text) in [(1, "left"), (2, "right")] {
            let other = nodes[(number + other) % nodes.len()].clone();
            clients.push(tokio::spawn(answers(
                world.clone(),
                other.clone(),
                call.clone(),
                text,
            )));
            if world.chance(300) {
                clients.push(tokio::spawn(cancels(world.clone(), other, call.clone())));
            }
        }
    }
    let end = Instant::now() + AFTERMATH;
    let sweeping = tokio::spawn(sweeps(world.clone(), nodes.clone(), calls.clone(), end));
    if world.chance(300) {
        nodes[0]
            .replica
            .at_operation(world.draw(1..60), world.draw_crash());
    }
    trouble(&world, &nodes[1..], 2).await;
    for client in clients {
        client.await.expect("a client does not panic");
    }
    sweeping.await.expect("a sweeper does not panic");
    world.set_faults(Faults::none());
    // Nothing may go on for ever: after the longest life of a head nothing stands.
    sleep(IDLE * 3).await;
    for (_, call) in &calls {
        if world.stands(&call.key.head()) {
            world.violated("the head of a call outlives everybody");
        }
    }
}

#[test]
fn i3_i7_a_call_has_one_end_and_each_answer_is_used_once_over_seeds() {
    for_seeds(20, &Faults::usual(), random_calls);
}

#[test]
fn i3_i7_calls_hold_where_reads_may_be_old() {
    let faults = Faults {
        stale_reads: Duration::from_secs(8),
        resend: 0,
        ..Faults::usual()
    };
    for_seeds(10, &faults, random_calls);
}
