//! Streams that are read elsewhere.

use std::time::Duration;

use tokio::time::sleep;

use crate::calls::Opened;
use crate::simulation::node::{IDLE, Node};
use crate::simulation::streams::{Owned, Stream};
use crate::simulation::{Fate, Faults, Kind, Pattern, World, breaks_without};
use crate::weakness::Weakness;

async fn nodes(world: &World) -> [Node; 3] {
    let nodes = Node::boot_all(world).await;
    nodes.try_into().unwrap_or_else(|_| unreachable!("three boot"))
}

async fn begin(node: &Node, stream: &Stream) -> Owned {
    match stream.call.open(node, node.calls.now()).await {
        Opened::Open(open) => stream.begin(node, open),
        other => unreachable!("nothing stands in the way: {other:?}"),
    }
}

/// Lets a client come back and gives it time to read.
async fn resumes(node: &Node, stream: &Stream, after: u64) {
    let (stream, node) = (stream.clone(), node.clone());
    tokio::spawn(async move { stream.resume(&node, after).await });
    sleep(Duration::from_millis(500)).await;
}

#[test]
fn what_is_sent_stands_in_the_log_although_the_owner_dies_right_after() {
    breaks_without(Weakness::SendsUnlogged, &Faults::none(), |world| async move {
        let [a, b, _] = nodes(&world).await;
        let stream = Stream::new(&world, "1");
        let logging = Pattern::new(Kind::Put, "call/").with_value("\"1:");
        world.hold(logging.by(a.replica.index()));
        let (own, of_own) = (a.clone(), stream.clone());
        a.replica.start(async move {
            let mut owned = begin(&own, &of_own).await;
            owned.say(&own, 1, false).await
        });
        sleep(Duration::from_secs(1)).await;
        a.replica.crash();
        resumes(&b, &stream, stream.newest()).await;
    });
}

#[test]
fn the_head_names_no_body_that_is_not_there_although_the_owner_dies_in_between() {
    breaks_without(Weakness::BodiesAfterHeads, &Faults::none(), |world| async move {
        let [a, b, _] = nodes(&world).await;
        let stream = Stream::new(&world, "1");
        let (own, of_own) = (a.clone(), stream.clone());
        // The first write that names the event is the last thing that the owner does.
        world.on(
            Pattern::new(Kind::Put, "call/")
                .with_value("[1,1,")
                .by(a.replica.index()),
            Fate::CrashAfter,
        );
        a.replica.start(async move {
            let mut owned = begin(&own, &of_own).await;
            owned.say_large(&own).await
        });
        sleep(Duration::from_secs(1)).await;
        if !a.replica.is_crashed() {
            world.violated("nothing large was said");
        }
        resumes(&b, &stream, 0).await;
    });
}

#[test]
fn an_append_whose_answer_is_lost_is_not_made_twice() {
    breaks_without(Weakness::AppendsBlindly, &Faults::none(), |world| async move {
        let [a, b, _] = nodes(&world).await;
        let stream = Stream::new(&world, "1");
        let mut owned = begin(&a, &stream).await;
        // The write is made, and nobody can be asked whether it was, until the writer's patience is over.
        let logging = Pattern::new(Kind::Put, "call/").with_value("\"1:");
        world.on(logging.by(a.replica.index()), Fate::LoseAnswer);
        let cut = a.clone();
        let cutting = tokio::spawn(async move {
            sleep(Duration::from_millis(3)).await;
            cut.replica.cut();
            sleep(Duration::from_secs(8)).await;
            cut.replica.heal();
        });
        let _ = owned.say(&a, 1, false).await;
        cutting.await.expect("it does not panic");
        let _ = owned.say(&a, 1, true).await;
        resumes(&b, &stream, 0).await;
    });
}

#[test]
fn who_comes_back_has_the_stream_alone() {
    breaks_without(Weakness::NeverDisplaced, &Faults::none(), |world| async move {
        let [a, b, c] = nodes(&world).await;
        let stream = Stream::new(&world, "1");
        let mut owned = begin(&a, &stream).await;
        let _ = owned.say(&a, 1, false).await;
        resumes(&b, &stream, 0).await;
        resumes(&c, &stream, 0).await;
        let _ = owned.say(&a, 1, false).await;
        sleep(Duration::from_secs(5)).await;
    });
}

#[test]
fn an_event_that_is_lost_is_not_skipped() {
    breaks_without(
        Weakness::SkipsMissingBodies,
        &Faults::none(),
        |world| async move {
            let [a, b, _] = nodes(&world).await;
            let stream = Stream::new(&world, "1");
            stream.expects_loss();
            let mut owned = begin(&a, &stream).await;
            let _ = owned.say_large(&a).await;
            // This one is small.
            let _ = owned.ask(&a).await;
            let bodies = world.keys_in(&format!("event/{}", stream.call.key.session()));
            for body in &bodies {
                world.lose(body);
            }
            resumes(&b, &stream, 0).await;
        },
    );
}

#[test]
fn an_owner_that_slept_longer_than_its_head_does_not_write_it_again() {
    breaks_without(Weakness::RecreatesHeads, &Faults::none(), |world| async move {
        let [a, b, _] = nodes(&world).await;
        let stream = Stream::new(&world, "1");
        let mut owned = begin(&a, &stream).await;
        let (own, of_own) = (a.clone(), stream.clone());
        let running = a.replica.start(async move {
            let _ = owned.say(&own, 1, false).await;
            sleep(Duration::from_secs(1)).await;
            let _ = owned.say(&own, 1, true).await;
            of_own
        });
        sleep(Duration::from_millis(500)).await;
        a.replica.pause();
        // The head expires, a cancel leaves its marker, and that expires as well.
        sleep(IDLE * 2).await;
        stream.cancel(&b).await;
        sleep(IDLE * 2).await;
        a.replica.resume();
        running.await.expect("it does not panic");
    });
}
