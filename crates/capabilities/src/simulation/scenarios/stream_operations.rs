//! The owner of a stream, or whoever reads it elsewhere, dies or stands still at each of its requests, one after the
//! other.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::streams::{nobody_waits_for_ever, tends};
use crate::calls::Opened;
use crate::simulation::node::Node;
use crate::simulation::streams::Stream;
use crate::simulation::{Faults, ReplicaFate, Violation, World, one_run};
use crate::weakness::{self, Weakness};

const FATES: [ReplicaFate; 3] = [
    ReplicaFate::CrashBefore,
    ReplicaFate::CrashAfter,
    ReplicaFate::Pause(Duration::from_secs(40)),
];

/// To whom it happens.
#[derive(Clone, Copy, Debug)]
enum Who {
    Owner,
    Reader,
}

/// The owner opens a call, says small and large things, keeps the call alive and ends it.
async fn own(node: Node, stream: Stream) {
    let Opened::Open(open) = stream.call.open(&node, node.calls.now()).await else {
        return;
    };
    let mut owned = stream.begin(&node, open);
    for round in 0..3 {
        let said = match round {
            1 => owned.say_large(&node).await,
            _ => owned.say(&node, 2, false).await,
        };
        if said.is_err() {
            return;
        }
        if let Some(owner) = node.fleet.replica().owner()
            && let Err(refused) = stream.call.keep_alive(&node, &mut owned.open, &owner).await
        {
            owned.refused(&node, refused);
            return;
        }
        sleep(Duration::from_millis(400)).await;
    }
    let _ = owned.say(&node, 1, true).await;
    owned.close();
    owned.open.tidy().await;
}

/// Runs a call whose client comes back at one replica in the middle and at another one later. Says how many requests
/// the one made to whom it happens.
async fn run_with(world: World, who: Who, number: u64, fate: ReplicaFate) -> u64 {
    let nodes = Node::boot_all(&world).await;
    let [a, b, c] = &nodes[..] else {
        unreachable!("three replicas boot in a world without faults");
    };
    // Whoever judges has been undisturbed for long enough by then.
    sleep(Duration::from_secs(40)).await;
    for node in &nodes {
        tends(node, Instant::now() + Duration::from_secs(120));
    }
    let stream = Stream::new(&world, "1");
    let victim = match who {
        Who::Owner => a,
        Who::Reader => b,
    };
    let started = victim.replica.operations();
    victim.replica.at_operation(number, fate);
    a.replica.start(own(a.clone(), stream.clone()));
    sleep(Duration::from_millis(600)).await;
    for (node, rest) in [(b, 500), (c, 3_000), (b, 0)] {
        let (own, of_own) = (node.clone(), stream.clone());
        let after = stream.newest();
        tokio::spawn(async move { of_own.resume(&own, after).await });
        sleep(Duration::from_millis(rest)).await;
    }
    // What it does later has nothing to do with the call any more.
    sleep(Duration::from_secs(2)).await;
    let made = victim.replica.operations() - started;
    nobody_waits_for_ever(&world, &nodes, std::slice::from_ref(&stream)).await;
    if stream.birth().is_some() && !stream.had_response() && !stream.was_lost() {
        world.violated("nobody was told how the call ended");
    }
    made
}

/// The first violation at any of the requests.
fn first_violation(who: Who, fate: ReplicaFate) -> Option<String> {
    for number in 1.. {
        let mut made = 0;
        let outcome = one_run(number, Faults::none(), false, |world| {
            let made = &mut made;
            async move { *made = run_with(world, who, number, fate).await }
        });
        if let Some(Violation(what)) = outcome.violation {
            return Some(format!(
                "{who:?}, {fate:?} at request {number}: {what}\n{}",
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
fn d8_a_stream_ends_in_one_way_whatever_happens_to_its_owner_at_any_request() {
    for fate in FATES {
        if let Some(violation) = first_violation(Who::Owner, fate) {
            panic!("{violation}");
        }
    }
}

#[test]
fn d8_a_stream_goes_on_whatever_happens_to_its_reader_at_any_request() {
    for fate in FATES {
        if let Some(violation) = first_violation(Who::Reader, fate) {
            panic!("{violation}");
        }
    }
}

#[test]
fn a_crash_at_each_request_finds_that_bodies_come_too_late() {
    let found = weakness::with(Some(Weakness::BodiesAfterHeads), || {
        first_violation(Who::Owner, ReplicaFate::CrashAfter)
    });
    assert!(found.is_some(), "no crash is noticed");
}
