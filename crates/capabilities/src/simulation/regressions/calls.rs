//! Calls, cancels and answers.

use std::time::Duration;

use tokio::time::sleep;

use crate::calls::Opened;
use crate::simulation::calls::Call;
use crate::simulation::node::{IDLE, Node};
use crate::simulation::{Fate, Faults, Hold, Kind, Pattern, World, breaks_without};
use crate::weakness::{self, Weakness};

/// Runs a call at `node` from its start: it opens after `delay` and ends at once.
fn run(node: &Node, call: &Call, delay: Duration) -> tokio::task::JoinHandle<Option<()>> {
    let (own, call) = (node.clone(), call.clone());
    node.replica.start(async move {
        let started = own.calls.now();
        sleep(delay).await;
        if let Opened::Open(open) = call.open(&own, started).await {
            call.end(&own, open).await;
        }
    })
}

async fn nodes(world: &World) -> [Node; 3] {
    let nodes = Node::boot_all(world).await;
    nodes.try_into().unwrap_or_else(|_| unreachable!("three boot"))
}

#[test]
fn a_late_copy_of_the_opening_does_not_block_the_id() {
    breaks_without(Weakness::DeletesEndedHeads, &Faults::none(), |world| async move {
        let [a, b, _] = nodes(&world).await;
        let call = Call::new(&world, "1");
        let copy = Hold::new();
        let opened = Pattern::new(Kind::Put, "call/")
            .with_value("open")
            .by(a.replica.index());
        world.on(opened, Fate::HoldCopy(copy.clone()));
        run(&a, &call, Duration::ZERO).await.expect("it does not panic");
        copy.release().await;
        let again = call.again();
        run(&b, &again, Duration::ZERO).await.expect("it does not panic");
        if !again.has_responded() {
            world.violated("an id is blocked by a call that is over");
        }
    });
}

#[test]
fn a_cancel_reaches_a_call_that_has_no_head_yet() {
    breaks_without(Weakness::CancelOnlyLooks, &Faults::none(), |world| async move {
        let [a, b, _] = nodes(&world).await;
        let call = Call::new(&world, "1");
        let running = run(&a, &call, Duration::from_secs(2));
        sleep(Duration::from_secs(1)).await;
        call.cancel(&b).await;
        running.await.expect("it does not panic");
    });
}

#[test]
fn a_pause_before_the_opening_does_not_outlast_the_marker_of_a_cancel() {
    breaks_without(Weakness::ShortMarker, &Faults::none(), |world| async move {
        let [a, b, _] = nodes(&world).await;
        let call = Call::new(&world, "1");
        let running = run(&a, &call, Duration::from_millis(200));
        sleep(Duration::from_millis(100)).await;
        a.replica.pause();
        call.cancel(&b).await;
        sleep(IDLE / 4).await;
        a.replica.resume();
        running.await.expect("it does not panic");
    });
}

#[test]
fn a_call_that_opens_later_than_any_marker_lives_ends_without_a_response() {
    breaks_without(Weakness::NeverTooLate, &Faults::none(), |world| async move {
        let [a, b, _] = nodes(&world).await;
        let call = Call::new(&world, "1");
        let running = run(&a, &call, Duration::from_millis(200));
        sleep(Duration::from_millis(100)).await;
        a.replica.pause();
        call.cancel(&b).await;
        sleep(IDLE * 2).await;
        a.replica.resume();
        running.await.expect("it does not panic");
    });
}

#[test]
fn an_opening_that_is_held_up_on_its_way_is_too_late_as_well() {
    breaks_without(Weakness::NeverTooLate, &Faults::none(), |world| async move {
        let [a, b, _] = nodes(&world).await;
        let call = Call::new(&world, "1");
        let opening = world.hold(Pattern::new(Kind::Put, "call/").by(a.replica.index()));
        let running = run(&a, &call, Duration::ZERO);
        opening.reached().await;
        a.replica.pause();
        call.cancel(&b).await;
        sleep(IDLE * 2).await;
        opening.release().await;
        a.replica.resume();
        running.await.expect("it does not panic");
    });
}

#[test]
fn a_cancel_and_the_end_of_a_call_meet_in_one_record() {
    breaks_without(Weakness::TwoRecords, &Faults::none(), |world| async move {
        let [a, b, _] = nodes(&world).await;
        let call = Call::new(&world, "1");
        let ended = Pattern::new(Kind::Put, "call/").with_value("finished");
        let ending = world.hold(ended.by(a.replica.index()));
        let running = run(&a, &call, Duration::ZERO);
        ending.reached().await;
        call.cancel(&b).await;
        ending.release().await;
        running.await.expect("it does not panic");
    });
}

#[test]
fn a_paused_owner_and_its_successor_do_not_both_pass_an_answer_on() {
    breaks_without(Weakness::SuccessorForwards, &Faults::none(), |world| async move {
        let [a, b, c] = nodes(&world).await;
        // The judge has to be undisturbed for a while.
        sleep(Duration::from_secs(40)).await;
        let call = Call::new(&world, "1");
        let (own, of_own) = (a.clone(), call.clone());
        let looked = Hold::new();
        let running = a.replica.start(async move {
            let Opened::Open(mut open) = of_own.open(&own, own.calls.now()).await else {
                return;
            };
            let _ = open.ask().await;
            sleep(Duration::from_secs(1)).await;
            let _ = of_own.look(&own, &mut open).await;
            of_own.end(&own, open).await;
        });
        sleep(Duration::from_millis(500)).await;
        call.answer(&b, 1, "yes").await;
        // The owner has read the answer and stands still before it passes it on.
        let looking = Pattern::new(Kind::Get, "call/").by(a.replica.index());
        world.on(looking, Fate::HoldAnswer(looked.clone()));
        looked.reached().await;
        a.replica.pause();
        sleep(Duration::from_secs(20)).await;
        if !call.sweep(&c, &a).await {
            world.violated("a dead owner's call was not ended");
        }
        if weakness::has(Weakness::SuccessorForwards) {
            call.uses(&c, 1, "\"yes\"".to_owned());
        }
        // The answer is there when it wakes up, and so is its timeout.
        looked.release().await;
        a.replica.resume();
        running.await.expect("it does not panic");
        if call.has_responded() {
            world.violated("I3: the owner responded after its call was ended for it");
        }
    });
}
