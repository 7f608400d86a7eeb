//! Booting: one living replica per node id, and one key for ids.

use std::time::Duration;

use tokio::time::sleep;

use crate::fleet::{Fleet, FleetOptions};
use crate::mac::MacKey;
use crate::owner::BootId;
use crate::random;
use crate::simulation::node::VALIDITY;
use crate::simulation::{Faults, World, for_seeds};

/// Boots a replica again and again until it is part of the fleet or is told that it may not be; then keeps its place.
async fn boot(world: World, name: &'static str) -> bool {
    let replica = world.replica(name);
    let (coordinator, clock) = (replica.coordinator(), replica.clock());
    let booting = async move {
        for _ in 0..10 {
            let boot = u64::from_be_bytes(random::bytes());
            let mut options = FleetOptions::new(BootId::new(format!("{boot:016x}")), VALIDITY);
            options.clock = clock.clone();
            if let Ok(fleet) = Fleet::join(coordinator.clone(), options).await {
                return Some(fleet);
            }
            sleep(Duration::from_millis(500)).await;
        }
        None
    };
    match replica.run(booting).await.flatten() {
        Some(fleet) => {
            replica.start(async move { fleet.run().await });
            true
        }
        None => false,
    }
}

#[test]
fn of_two_replicas_with_one_node_id_one_takes_part() {
    for_seeds(10, &Faults::usual(), |world| async move {
        let first = tokio::spawn(boot(world.clone(), "same"));
        world.pass(0..300).await;
        let second = boot(world.clone(), "same").await;
        let first = first.await.expect("booting does not panic");
        if first && second {
            world.violated("two replicas live under one node id");
        }
        if !first && !second {
            world.violated("no replica may live under a node id that nobody uses");
        }
    });
}

#[test]
fn all_replicas_load_one_key() {
    for_seeds(30, &Faults::usual(), |world| async move {
        let mut loading = Vec::new();
        for name in ["a", "b", "c"] {
            let replica = world.replica(name);
            let key_value = replica.coordinator().primitives().key_value.clone();
            loading.push(replica.start(async move {
                loop {
                    match MacKey::load(&key_value).await {
                        Ok(key) => return key.sign("session", b"x"),
                        Err(_) => sleep(Duration::from_millis(50)).await,
                    }
                }
            }));
        }
        let mut codes = Vec::new();
        for task in loading {
            codes.push(task.await.expect("loading does not panic"));
        }
        if codes.windows(2).any(|pair| pair[0] != pair[1]) {
            world.violated("two replicas have different keys");
        }
    });
}
