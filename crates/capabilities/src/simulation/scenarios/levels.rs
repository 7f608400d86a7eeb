//! Levels: whatever is updated after a subscription was acknowledged is told, on a living stream or at the next one.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::simulation::chaos::trouble_replicas;
use crate::simulation::client::Client;
use crate::simulation::station::{Station, Upstream};
use crate::simulation::{Faults, World, for_seeds};

const URIS: [&str; 3] = ["x", "y", "z"];

fn any<'a>(world: &World, stations: &'a [Station]) -> &'a Station {
    let living: Vec<&Station> = stations
        .iter()
        .filter(|station| !station.replica.is_crashed())
        .collect();
    living[usize::try_from(world.draw(0..living.len() as u64)).expect("a small number")]
}

fn any_uri(world: &World) -> &'static str {
    URIS[usize::try_from(world.draw(0..3)).expect("a small number")]
}

/// Subscribes and connects here and there, again and again.
async fn wanders(world: World, client: Arc<Client>, stations: Vec<Station>, end: Instant) {
    while Instant::now() < end {
        if world.chance(300) {
            client.subscribe(any(&world, &stations), any_uri(&world)).await;
        }
        if world.chance(300) {
            client.connect(any(&world, &stations));
        }
        world.pass(0..4_000).await;
    }
}

async fn updates(world: World, upstream: Arc<Upstream>, end: Instant) {
    while Instant::now() < end {
        upstream.update(&world, any_uri(&world));
        world.pass(0..3_000).await;
    }
}

pub(super) async fn random_levels(world: World) {
    let upstream = Arc::<Upstream>::default();
    let stations = Station::boot_all(&world, &upstream).await;
    sleep(Duration::from_secs(20)).await;
    let end = Instant::now() + Duration::from_secs(60);
    let mut clients = Vec::new();
    let mut running = Vec::new();
    for name in ["one", "two"] {
        let client = Client::open(&world, name, &stations[0]).await;
        client.connect(any(&world, &stations));
        let wandering = wanders(world.clone(), Arc::clone(&client), stations.clone(), end);
        running.push(tokio::spawn(wandering));
        clients.push(client);
    }
    running.push(tokio::spawn(updates(world.clone(), Arc::clone(&upstream), end)));
    if world.chance(500) {
        let at = world.draw(1..80);
        stations[1].replica.at_operation(at, world.draw_crash());
    }
    let replicas: Vec<_> = stations.iter().map(|station| station.replica.clone()).collect();
    trouble_replicas(&world, &replicas, 3).await;
    for task in running {
        task.await.expect("nobody panics");
    }
    world.set_faults(Faults::none());
    // Whoever was taken over may have missed what is updated until then.
    sleep(Duration::from_secs(60)).await;
    for client in &clients {
        client.connect(any(&world, &stations));
    }
    sleep(Duration::from_secs(10)).await;
    for client in &clients {
        client.check(&upstream);
    }
}

#[test]
fn i1_whatever_is_updated_after_a_subscription_is_told_over_seeds() {
    for_seeds(10, &Faults::usual(), random_levels);
}
