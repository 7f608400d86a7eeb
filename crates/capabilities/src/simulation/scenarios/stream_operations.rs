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

/// The same one again and again: up to the request to which something happens, all runs are one.
const SEED: u64 = 1;
/// No run makes so many requests.
const NEVER: u64 = 1 << 40;
/// Between these lines of the history the call runs.
const BEGINS: &str = "is watched";
const ENDS: &str = "is not watched any more";
/// What a request of the call is about; the rest keeps the replica going.
const ABOUT: [&str; 6] = [
    " call/",
    " event/",
    " owner/",
    " budget|",
    " Holder",
    " Put mail/",
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

/// Runs a call whose client comes back at one replica in the middle and at another one later.
async fn run_with(world: World, who: Who, number: u64, fate: ReplicaFate) {
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
    world.note(Some(victim.replica.index()), BEGINS);
    victim.replica.at_operation(number, fate);
    a.replica.start(own(a.clone(), stream.clone()));
    sleep(Duration::from_millis(600)).await;
    for (node, rest) in [(b, 500), (c, 3_000), (b, 0)] {
        let (own, of_own) = (node.clone(), stream.clone());
        let after = stream.newest();
        tokio::spawn(async move { of_own.resume(&own, after).await });
        sleep(Duration::from_millis(rest)).await;
    }
    world.note(Some(victim.replica.index()), ENDS);
    nobody_waits_for_ever(&world, &nodes, std::slice::from_ref(&stream)).await;
    if stream.birth().is_some() && !stream.had_response() && !stream.was_lost() {
        world.violated("nobody was told how the call ended");
    }
}

/// The numbers of the requests that have to do with the call, where nothing happens to anybody.
fn requests(who: Who) -> Vec<u64> {
    let outcome = one_run(SEED, Faults::none(), true, |world| {
        run_with(world, who, NEVER, ReplicaFate::CrashBefore)
    });
    let name = match who {
        Who::Owner => " a: ",
        Who::Reader => " b: ",
    };
    let of_victim = outcome.history.lines().filter(|line| line.contains(name));
    let call = of_victim
        .skip_while(|line| !line.ends_with(BEGINS))
        .take_while(|line| !line.ends_with(ENDS));
    let sent = call.filter(|line| line.contains(": sends "));
    let concerns = |line: &str| ABOUT.iter().any(|about| line.contains(about));
    let numbered = (1..).zip(sent).filter(|(_, line)| concerns(line));
    numbered.map(|(number, _)| number).collect()
}

/// The first violation at any of the requests.
fn first_violation(who: Who, fate: ReplicaFate) -> Option<String> {
    let requests = requests(who);
    assert!(requests.len() >= 8, "only {requests:?}");
    requests.into_iter().find_map(|number| {
        let outcome = one_run(SEED, Faults::none(), false, |world| {
            run_with(world, who, number, fate)
        });
        let history = outcome.history;
        let Violation(what) = outcome.violation?;
        Some(format!(
            "{who:?}, {fate:?} at request {number}: {what}\n{history}"
        ))
    })
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
