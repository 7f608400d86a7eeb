//! Mail: what is refused is not executed.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;

use crate::mailbox::Undelivered;
use crate::simulation::node::Node;
use crate::simulation::{Fate, Faults, Hold, Kind, Pattern, World, breaks_without};
use crate::weakness::Weakness;

/// C asks B, whose owner has read the mail and then stands still until somebody has refused it.
async fn refused_while_paused(world: World, patience: Duration, swept: bool) {
    let nodes = Node::boot_all(&world).await;
    let [a, b, c] = &nodes[..] else {
        unreachable!("three boot");
    };
    sleep(Duration::from_secs(1)).await;
    let read = Hold::new();
    let reading = Pattern::new(Kind::Get, "request/").by(b.replica.index());
    world.on(reading, Fate::HoldAnswer(read.clone()));
    let (mailbox, to) = (c.mailbox.clone(), b.boot.clone());
    let asking = async move { mailbox.request(&to, "do", Bytes::from("it"), patience).await };
    let asking = c.replica.start(asking);
    read.reached().await;
    b.replica.pause();
    if swept {
        let (mailbox, dead) = (a.mailbox.clone(), b.boot.clone());
        let sweeping = async move { mailbox.answer_for(&dead, None, 100).await };
        let swept = a.replica.run(sweeping).await;
        if !matches!(&swept, Some(Ok(sweep)) if sweep.refused == 1) {
            world.violated(format!("the sweeper did {swept:?}"));
        }
    }
    let answer = asking.await.expect("it does not panic");
    if !matches!(answer, Some(Err(Undelivered::Refused))) {
        world.violated(format!("the request that nobody took is answered {answer:?}"));
    }
    // The answer is there when it wakes up, and so is its timeout.
    read.release().await;
    b.replica.resume();
    sleep(Duration::from_secs(10)).await;
    if world.booked("executed it") > 0 {
        world.violated("a request was executed that had surely not been");
    }
}

#[test]
fn a_paused_replica_does_not_execute_what_a_sweeper_refused() {
    breaks_without(Weakness::ExecutesUntaken, &Faults::none(), |world| {
        refused_while_paused(world, Duration::from_secs(30), true)
    });
}

#[test]
fn a_paused_replica_does_not_execute_what_its_asker_gave_up() {
    breaks_without(Weakness::ExecutesUntaken, &Faults::none(), |world| {
        refused_while_paused(world, Duration::from_secs(1), false)
    });
}
