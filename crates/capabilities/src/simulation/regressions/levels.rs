//! Levels, subscriptions and announcements: what each protection is for.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::catalogues::Digests;
use crate::simulation::client::Client;
use crate::simulation::station::{Station, Upstream};
use crate::simulation::{Faults, Hold, Kind, Pattern, World, breaks_without};
use crate::weakness::Weakness;

async fn booted(world: &World) -> (Arc<Upstream>, [Station; 3]) {
    let upstream = Arc::<Upstream>::default();
    let stations = Station::boot_all(world, &upstream).await;
    // Long enough that everybody may judge.
    sleep(Duration::from_secs(40)).await;
    let Ok(stations) = <[Station; 3]>::try_from(stations) else {
        unreachable!("nobody dies here");
    };
    (upstream, stations)
}

#[test]
fn what_was_told_on_another_stream_proves_nothing() {
    breaks_without(Weakness::ToldElsewhere, &Faults::none(), |world| async move {
        let (upstream, [a, b, _]) = booted(&world).await;
        let client = Client::open(&world, "client", &a).await;
        client.subscribe(&a, "x").await;
        client.connect(&a);
        sleep(Duration::from_secs(1)).await;
        // What is said to the client from now on is lost on its way.
        a.replica.crash();
        upstream.update(&world, "x");
        sleep(Duration::from_secs(60)).await;
        client.connect(&b);
        sleep(Duration::from_secs(10)).await;
        client.check(&upstream);
    });
}

#[test]
fn who_attaches_a_stream_reads_what_its_session_wants_afterwards() {
    breaks_without(Weakness::NoLookAtAttach, &Faults::none(), |world| async move {
        let (upstream, [a, b, _]) = booted(&world).await;
        let client = Client::open(&world, "client", &a).await;
        let attaching: Hold = world.hold(Pattern::new(Kind::Put, "get|client").by(b.replica.index()));
        client.connect(&b);
        attaching.reached().await;
        // Whoever subscribes now finds no holder to tell.
        client.subscribe(&a, "x").await;
        attaching.release().await;
        sleep(Duration::from_secs(5)).await;
        upstream.update(&world, "x");
        sleep(Duration::from_secs(10)).await;
        client.check(&upstream);
    });
}

#[test]
fn what_a_dead_holder_held_is_found_through_the_index() {
    breaks_without(
        Weakness::SubscribesUnindexed,
        &Faults::none(),
        |world| async move {
            let (upstream, [a, b, _]) = booted(&world).await;
            let client = Client::open(&world, "client", &b).await;
            client.connect(&b);
            client.subscribe(&a, "x").await;
            sleep(Duration::from_secs(1)).await;
            a.replica.crash();
            upstream.update(&world, "x");
            sleep(Duration::from_secs(60)).await;
            client.check(&upstream);
        },
    );
}

fn digests(tools: &str) -> Digests {
    Digests {
        tools: tools.to_owned(),
        ..Digests::default()
    }
}

#[test]
fn nobody_is_told_of_new_lists_while_a_replica_uses_the_old_ones() {
    breaks_without(Weakness::RaisesAtOnce, &Faults::none(), |world| async move {
        let (_, [a, b, _]) = booted(&world).await;
        let publish = |station: &Station, tools: &str| {
            let (catalogues, digests) = (station.catalogues.clone(), digests(tools));
            station
                .replica
                .start(async move { catalogues.publish("up", &digests).await.is_ok() })
        };
        let _ = publish(&a, "old").await;
        sleep(Duration::from_secs(1)).await;
        // B hears nothing of the feed, and uses what it remembers until its view has run out.
        b.replica.deafen();
        let before = a.levels.position();
        let publishing = publish(&a, "new");
        a.levels.moved_on(before).await;
        if b.fleet.view().is_fresh() {
            world.violated("clients were told while a replica used the old lists");
        }
        let _ = publishing.await;
    });
}
