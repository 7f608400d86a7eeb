//! GET streams.

use std::time::Duration;

use tokio::time::sleep;

use crate::simulation::gets::Client;
use crate::simulation::node::Node;
use crate::simulation::{Fate, Faults, Hold, Kind, Pattern, World, breaks_without};
use crate::weakness::Weakness;

async fn nodes(world: &World) -> [Node; 3] {
    let nodes = Node::boot_all(world).await;
    // The judge has to be undisturbed for a while.
    sleep(Duration::from_secs(40)).await;
    nodes.try_into().unwrap_or_else(|_| unreachable!("three boot"))
}

async fn say(node: &Node, client: &Client, text: &'static str) {
    let (own, saying) = (node.clone(), client.clone());
    node.replica
        .run(async move { saying.say(&own, text).await })
        .await;
}

#[test]
fn what_is_said_after_a_holders_death_reaches_the_next_stream() {
    breaks_without(
        Weakness::HoldersLiveForEver,
        &Faults::none(),
        |world| async move {
            let [a, b, c] = nodes(&world).await;
            let client = Client::new(&world);
            client.connect(&a, 1);
            sleep(Duration::from_secs(1)).await;
            a.replica.crash();
            sleep(Duration::from_secs(30)).await;
            say(&b, &client, "late").await;
            // The client never comes back to its first stream.
            client.connect(&c, 2);
            sleep(Duration::from_secs(5)).await;
            client.check();
        },
    );
}

#[test]
fn an_append_whose_answer_was_lost_is_not_made_twice() {
    breaks_without(Weakness::AppendsBlindly, &Faults::none(), |world| async move {
        let [a, b, _] = nodes(&world).await;
        let client = Client::new(&world);
        client.connect(&b, 1);
        sleep(Duration::from_secs(1)).await;
        // No answer comes, and the write is buried under so many others that its mark is gone.
        let answer = Hold::new();
        let append = Pattern::new(Kind::Put, "get").by(a.replica.index());
        world.on(append, Fate::HoldAnswer(answer.clone()));
        let (own, saying) = (a.clone(), client.clone());
        let told = a.replica.start(async move { saying.say(&own, "x").await });
        answer.reached().await;
        for text in ["1", "2", "3", "4", "5", "6", "7", "8", "9"] {
            say(&b, &client, text).await;
        }
        told.await.expect("it does not panic");
        sleep(Duration::from_secs(5)).await;
        client.check();
    });
}

#[test]
fn a_replica_that_dies_between_queue_and_log_loses_nothing() {
    breaks_without(
        Weakness::QueueAndLogAreTwoRecords,
        &Faults::none(),
        |world| async move {
            let [a, b, c] = nodes(&world).await;
            let client = Client::new(&world);
            say(&b, &client, "queued").await;
            let attach = Pattern::new(Kind::Put, "get").by(a.replica.index());
            world.on(attach, Fate::CrashAfter);
            client.connect(&a, 1);
            sleep(Duration::from_secs(5)).await;
            client.connect(&c, 1);
            sleep(Duration::from_secs(5)).await;
            client.check();
        },
    );
}

#[test]
fn a_claimant_that_dies_after_an_append_leaves_nothing_to_be_said_twice() {
    breaks_without(
        Weakness::PlaceInASecondWrite,
        &Faults::none(),
        |world| async move {
            let [a, b, c] = nodes(&world).await;
            let client = Client::new(&world);
            client.connect(&c, 1);
            let (own, reading) = (a.clone(), client.clone());
            a.replica.start(async move { reading.read_upstream(&own).await });
            sleep(Duration::from_secs(2)).await;
            let append = Pattern::new(Kind::Put, "get")
                .with_value("up1")
                .by(a.replica.index());
            world.on(append, Fate::CrashAfter);
            client.upstream_speaks();
            sleep(Duration::from_secs(2)).await;
            let (own, reading) = (b.clone(), client.clone());
            b.replica.start(async move { reading.read_upstream(&own).await });
            sleep(Duration::from_secs(40)).await;
            client.upstream_speaks();
            sleep(Duration::from_secs(5)).await;
            client.check();
        },
    );
}
