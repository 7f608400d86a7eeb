//! Request mail: executed once at the most, and never when it was refused.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use crate::mailbox::Undelivered;
use crate::owner::Judge as _;
use crate::simulation::chaos::trouble;
use crate::simulation::node::Node;
use crate::simulation::{Faults, World, for_seeds};

/// One replica asks another one for something, again and again.
async fn asks(world: World, from: Node, to: Node) -> Vec<String> {
    let mut refused = Vec::new();
    for round in 0..12 {
        let text = format!("{} to {} {round}", from.boot, to.boot);
        let (mailbox, boot, body) = (from.mailbox.clone(), to.boot.clone(), Bytes::from(text.clone()));
        let patience = Duration::from_millis(world.draw(200..8_000));
        let asking = async move { mailbox.request(&boot, "do", body, patience).await };
        match from.replica.run(asking).await {
            Some(Ok(answer)) if answer == text.as_bytes() => {
                if world.booked(&format!("executed {text}")) != 1 {
                    world.violated(format!("an answer to a request that was not executed: {text}"));
                }
            }
            Some(Ok(answer)) => world.violated(format!("the answer to another request: {answer:?}")),
            Some(Err(Undelivered::OutcomeUnknown)) => {}
            Some(Err(_)) => refused.push(text),
            None => return refused,
        }
        world.pass(0..500).await;
    }
    refused
}

/// Answers the mail of whoever is judged dead, until `end`.
async fn sweeps(world: World, sweeper: Node, nodes: Vec<Node>, end: Instant) {
    while Instant::now() < end {
        world.pass(100..1_000).await;
        for node in &nodes {
            let (judge, mailbox, boot) = (
                sweeper.fleet.replica().clone(),
                sweeper.mailbox.clone(),
                node.boot.clone(),
            );
            let Some(owner) = node.fleet.replica().owner() else {
                continue;
            };
            let sweeping = async move {
                if matches!(judge.is_dead(&owner).await, Ok(true)) {
                    let _ = mailbox.answer_for(&boot, None, 100).await;
                }
            };
            if sweeper.replica.run(sweeping).await.is_none() {
                return;
            }
        }
    }
}

pub(super) async fn random_mail(world: World) {
    let nodes = Node::boot_all(&world).await;
    sleep(Duration::from_secs(20)).await;
    let mut asking = Vec::new();
    for (from, to) in [(0, 1), (1, 2), (2, 0), (0, 2)] {
        asking.push(tokio::spawn(asks(
            world.clone(),
            nodes[from].clone(),
            nodes[to].clone(),
        )));
    }
    let end = Instant::now() + Duration::from_secs(60);
    let sweeping = tokio::spawn(sweeps(world.clone(), nodes[0].clone(), nodes.clone(), end));
    if world.chance(300) {
        nodes[1]
            .replica
            .at_operation(world.draw(1..60), world.draw_crash());
    }
    trouble(&world, &nodes, 3).await;
    let mut refused = Vec::new();
    for task in asking {
        refused.extend(task.await.expect("nobody panics"));
    }
    sweeping.await.expect("a sweeper does not panic");
    world.set_faults(Faults::none());
    sleep(Duration::from_secs(40)).await;
    for text in refused {
        if world.booked(&format!("executed {text}")) > 0 {
            world.violated(format!("a request was executed that had surely not been: {text}"));
        }
    }
    if let Some(twice) = world.booked_more_than_once() {
        world.violated(format!("{twice} more than once"));
    }
}

#[test]
fn i7_a_request_is_executed_once_at_the_most_and_never_after_it_was_refused() {
    for_seeds(25, &Faults::usual(), random_mail);
}

#[test]
fn i7_requests_hold_where_reads_may_be_old() {
    let faults = Faults {
        stale_reads: Duration::from_secs(8),
        resend: 0,
        ..Faults::usual()
    };
    for_seeds(10, &faults, random_mail);
}
