//! Sessions: gone is gone, nothing is lost, an outage is no absence.

use std::time::Duration;

use tokio::time::sleep;

use crate::simulation::chaos::trouble;
use crate::simulation::ledger::Ledger;
use crate::simulation::node::{IDLE, Node};
use crate::simulation::{Faults, World, for_seeds};

fn any<'a, T>(world: &World, all: &'a [T]) -> &'a T {
    &all[usize::try_from(world.draw(0..all.len() as u64)).expect("a small number")]
}

/// One client: uses, changes and perhaps deletes one of the sessions, at any replica.
async fn client(world: World, nodes: Vec<Node>, sessions: Vec<String>, ledger: Ledger, number: usize) {
    for round in 0..25 {
        let (node, session) = (any(&world, &nodes).clone(), any(&world, &sessions).clone());
        match world.draw(0..100) {
            0..60 => ledger.admit(&node, &session).await,
            60..97 => {
                ledger
                    .change(&node, &session, &format!("m{number}-{round}"))
                    .await;
            }
            _ => ledger.close(&node, &session).await,
        }
        world.pass(0..1_500).await;
    }
}

pub(super) async fn random_work(world: World) {
    let mut nodes = Node::boot_all(&world).await;
    let ledger = Ledger::new(&world);
    let mut sessions = Vec::new();
    for node in &nodes {
        if let Some(session) = node.open_session().await {
            ledger.created(&session);
            sessions.push(session);
        }
    }
    let clients: Vec<_> = (0..5)
        .map(|number| {
            let (nodes, sessions) = (nodes.clone(), sessions.clone());
            tokio::spawn(client(world.clone(), nodes, sessions, ledger.clone(), number))
        })
        .collect();
    if world.chance(300) {
        nodes[2]
            .replica
            .at_operation(world.draw(1..400), world.draw_crash());
    }
    trouble(&world, &nodes, 5).await;
    for client in clients {
        client.await.expect("a client does not panic");
    }
    world.set_faults(Faults::none());
    sleep(Duration::from_secs(5)).await;
    if nodes[2].replica.is_crashed() {
        // Another boot of the same node, once the lease of the former has run out.
        nodes.extend(Node::boot(&world, "c").await);
    }
    for session in &sessions {
        for node in &nodes {
            ledger.admit(node, session).await;
        }
        ledger.compare(&nodes[0], session).await;
    }
    // Whatever is still under way has arrived by then.
    sleep(IDLE / 2).await;
    for session in &sessions {
        for node in &nodes {
            ledger.admit(node, session).await;
        }
    }
    ledger.check_closes();
}

#[test]
fn i5_i4_i2_gone_is_gone_and_what_lives_is_found_with_every_change_over_seeds() {
    for_seeds(30, &Faults::usual(), random_work);
}

#[test]
fn i5_i4_i2_hold_where_reads_may_be_old() {
    // A client library that resends by itself is refused where reads may be old: an own write that it applied and then
    // calls a conflict could not be told from another writer's.
    let faults = Faults {
        stale_reads: Duration::from_secs(8),
        resend: 0,
        ..Faults::usual()
    };
    for_seeds(15, &faults, random_work);
}
