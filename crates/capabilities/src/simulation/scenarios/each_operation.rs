//! A replica dies or stands still at each of its requests, one after the other.

use std::time::Duration;

use tokio::time::sleep;

use crate::simulation::ledger::Ledger;
use crate::simulation::node::{IDLE, Node};
use crate::simulation::{Faults, ReplicaFate, Violation, World, one_run};
use crate::weakness::{self, Weakness};

const FATES: [ReplicaFate; 3] = [
    ReplicaFate::CrashBefore,
    ReplicaFate::CrashAfter,
    ReplicaFate::Pause(Duration::from_secs(30)),
];

/// Closes a session at a replica to which something happens at its n-th request, and then at another one, while a
/// third one uses it. Says how many requests the first one made.
async fn close_with(world: World, number: u64, fate: ReplicaFate) -> u64 {
    let nodes = Node::boot_all(&world).await;
    let [a, b, c] = &nodes[..] else {
        unreachable!("three replicas boot in a world without faults");
    };
    for node in [a, b, c] {
        node.fresh().await;
    }
    let ledger = Ledger::new(&world);
    let session = a.open_session().await.expect("nobody dies here");
    ledger.created(&session);
    ledger.admit(c, &session).await;
    ledger.change(b, &session, "before").await;
    let started = a.replica.operations();
    a.replica.at_operation(number, fate);
    let first = {
        let (ledger, a, session) = (ledger.clone(), a.clone(), session.clone());
        tokio::spawn(async move { ledger.close(&a, &session).await })
    };
    for round in 0..20 {
        world.pass(0..400).await;
        ledger.admit(c, &session).await;
        ledger.change(b, &session, &format!("m{round}")).await;
    }
    ledger.close(b, &session).await;
    for node in [b, c] {
        ledger.admit(node, &session).await;
    }
    first.await.expect("a client does not panic");
    let made = a.replica.operations() - started;
    sleep(IDLE / 4).await;
    for node in [a, b, c] {
        ledger.admit(node, &session).await;
    }
    ledger.check_closes();
    made
}

/// The first violation at any of the requests.
fn first_violation(fate: ReplicaFate) -> Option<String> {
    for number in 1.. {
        let mut made = 0;
        let outcome = one_run(number, Faults::none(), false, |world| {
            let made = &mut made;
            async move { *made = close_with(world, number, fate).await }
        });
        if let Some(Violation(what)) = outcome.violation {
            return Some(format!(
                "{fate:?} at request {number}: {what}\n{}",
                outcome.history
            ));
        }
        // Dead or not, it made fewer requests than that: this one never came.
        if made < number {
            break;
        }
    }
    None
}

#[test]
fn i5_a_delete_is_safe_whatever_happens_at_any_of_its_requests() {
    for fate in FATES {
        if let Some(violation) = first_violation(fate) {
            panic!("{violation}");
        }
    }
}

#[test]
fn a_crash_at_each_request_finds_that_nobody_announces_a_tombstone() {
    let found = weakness::with(Some(Weakness::WaitsOnly), || {
        first_violation(ReplicaFate::CrashAfter)
    });
    assert!(found.is_some(), "no crash is noticed");
}
