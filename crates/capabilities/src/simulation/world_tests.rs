//! The world itself: it repeats itself, and its faults happen.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use mcpg_cluster::{Connection, ErrorKind, Event, Expect, Key, WatchEvent};
use tokio::time::{Instant, sleep, timeout};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn key() -> Key {
    Key::new("scope", "name")
}

fn run(scenario: impl AsyncFnOnce(World)) {
    let outcome = one_run(
        1,
        Faults::none(),
        false,
        |world| async move { scenario(world).await },
    );
    assert!(outcome.violation.is_none(), "{outcome:?}");
}

async fn put(
    replica: &Replica,
    value: &'static str,
    expect: Expect,
) -> mcpg_cluster::Result<mcpg_cluster::Version> {
    let key_value = replica.coordinator().primitives().key_value.clone();
    let put = async move { key_value.put(&key(), Bytes::from(value), expect, None).await };
    replica.run(put).await.unwrap()
}

async fn value(replica: &Replica) -> Option<Bytes> {
    let key_value = replica.coordinator().primitives().key_value.clone();
    let entry = key_value.get(&key()).await.unwrap();
    entry.map(|entry| entry.value)
}

/// Three replicas race for one key with everything that may go wrong.
async fn race(world: World) {
    let replicas: Vec<_> = ["a", "b", "c"].iter().map(|name| world.replica(name)).collect();
    let mut running = Vec::new();
    for replica in &replicas {
        let (key_value, world) = (
            replica.coordinator().primitives().key_value.clone(),
            world.clone(),
        );
        running.push(replica.start(async move {
            for _ in 0..10 {
                let expect = match key_value.get(&key()).await {
                    Ok(Some(entry)) => Expect::Version(entry.version),
                    _ => Expect::Absent,
                };
                let random = crate::random::bytes::<8>();
                let _ = key_value
                    .put(&key(), Bytes::copy_from_slice(&random), expect, Some(SECOND))
                    .await;
                world.pass(0..400).await;
            }
        }));
    }
    world.pass(0..1_000).await;
    replicas[0].pause();
    replicas[1].cut();
    world.pass(0..1_000).await;
    replicas[0].resume();
    world.lose_everything();
    replicas[1].heal();
    for task in running {
        task.await.unwrap();
    }
}

#[test]
fn the_same_seed_gives_the_same_history_and_another_one_another() {
    let hash = |seed| one_run(seed, Faults::usual(), false, race).hash;
    for seed in 0..5 {
        assert_eq!(hash(seed), hash(seed));
    }
    assert_ne!(hash(1), hash(2));
}

#[test]
fn a_lost_request_changes_nothing_and_a_lost_answer_does() {
    run(async |world| {
        let a = world.replica("a");
        world.on(Pattern::new(Kind::Put, "name"), Fate::LoseRequest);
        let error = put(&a, "lost", Expect::Any).await.unwrap_err();
        assert_eq!((error.kind(), value(&a).await), (ErrorKind::Indeterminate, None));
        world.on(Pattern::new(Kind::Put, "name"), Fate::LoseAnswer);
        let error = put(&a, "kept", Expect::Any).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Indeterminate);
        assert_eq!(value(&a).await.unwrap(), "kept");
    });
}

#[test]
fn a_late_copy_checks_its_expectation_again() {
    run(async |world| {
        let a = world.replica("a");
        let copy = Hold::new();
        let pattern = Pattern::new(Kind::Put, "name").by(a.index()).nth(1);
        world.on(pattern, Fate::HoldCopy(copy.clone()));
        put(&a, "first", Expect::Absent).await.unwrap();
        copy.reached().await;
        let key_value = a.coordinator().primitives().key_value.clone();
        key_value.delete(&key(), Expect::Any).await.unwrap();
        copy.release().await;
        assert_eq!(
            value(&a).await.unwrap(),
            "first",
            "a copy of a create finds nothing there"
        );
        put(&a, "second", Expect::Any).await.unwrap();
        assert_eq!(value(&a).await.unwrap(), "second");
    });
}

#[test]
fn a_paused_replica_gets_everything_at_once_afterwards() {
    run(async |world| {
        let (a, b) = (world.replica("a"), world.replica("b"));
        let watch = a.coordinator().primitives().watch.clone();
        let mut events = watch.watch(b"scope", b"").await.unwrap();
        let seen = a.start(async move {
            events.next().await.unwrap().unwrap();
            let event = events.next().await.unwrap().unwrap();
            (event, Instant::now())
        });
        sleep(SECOND).await;
        a.pause();
        let written = put(&b, "x", Expect::Any).await.unwrap();
        sleep(10 * SECOND).await;
        let resumed = Instant::now();
        a.resume();
        let (event, at) = seen.await.unwrap().unwrap();
        assert!(matches!(event, WatchEvent::Put(named) if named.entry.version == written));
        assert_eq!(at, resumed);
    });
}

#[test]
fn a_crashed_replica_does_nothing_more() {
    run(async |world| {
        let (a, b) = (world.replica("a"), world.replica("b"));
        a.at_operation(2, ReplicaFate::CrashAfter);
        let key_value = a.coordinator().primitives().key_value.clone();
        let work = a.run(async move {
            for value in ["one", "two", "three"] {
                let value = Bytes::from(value);
                key_value.put(&key(), value, Expect::Any, None).await.unwrap();
            }
        });
        assert!(work.await.is_none());
        assert!(a.is_crashed());
        assert_eq!(
            (a.operations(), value(&b).await.unwrap()),
            (2, Bytes::from("two"))
        );
    });
}

#[test]
fn an_outage_is_seen_by_all_and_lost_data_is_gone() {
    run(async |world| {
        let a = world.replica("a");
        put(&a, "x", Expect::Any).await.unwrap();
        let mut connection = a.coordinator().connection();
        assert_eq!(connection.next().await, Some(Connection::Up(1)));
        world.outage();
        assert_eq!(connection.next().await, Some(Connection::Down));
        let error = put(&a, "y", Expect::Any).await.unwrap_err();
        assert!(matches!(
            error.kind(),
            ErrorKind::Unavailable | ErrorKind::Indeterminate
        ));
        world.recover();
        assert_eq!(connection.next().await, Some(Connection::Up(2)));
        assert_eq!(value(&a).await.unwrap(), "x");
        world.lose_everything();
        assert_eq!(connection.next().await, Some(Connection::Down));
        assert_eq!(connection.next().await, Some(Connection::Up(3)));
        assert_eq!(value(&a).await, None);
    });
}

#[test]
fn a_stopped_backend_answers_when_it_goes_on() {
    run(async |world| {
        let a = world.replica("a");
        world.stop();
        let going_on = {
            let world = world.clone();
            tokio::spawn(async move {
                sleep(SECOND).await;
                world.go_on();
            })
        };
        let start = Instant::now();
        put(&a, "x", Expect::Any).await.unwrap();
        assert!(start.elapsed() >= SECOND);
        going_on.await.unwrap();
    });
}

#[test]
fn a_stale_read_shows_what_was_there() {
    run(async |world| {
        let a = world.replica("a");
        let stale_reads = 20 * SECOND;
        world.set_faults(Faults {
            stale_reads,
            ..Faults::none()
        });
        put(&a, "old", Expect::Any).await.unwrap();
        sleep(10 * SECOND).await;
        put(&a, "new", Expect::Any).await.unwrap();
        let mut seen = Vec::new();
        for _ in 0..100 {
            seen.push(value(&a).await);
        }
        for known in [Some(Bytes::from("old")), Some(Bytes::from("new")), None] {
            assert!(seen.contains(&known), "{known:?}");
        }
        sleep(stale_reads).await;
        assert_eq!(value(&a).await.unwrap(), "new");
    });
}

#[test]
fn a_message_arrives_and_a_resync_tells_the_whole_state() {
    run(async |world| {
        let (a, b) = (world.replica("a"), world.replica("b"));
        let mut messages = a
            .coordinator()
            .primitives()
            .pubsub
            .subscribe(b"topic")
            .await
            .unwrap();
        let watch = a.coordinator().primitives().watch.clone();
        let mut events = watch.watch(b"scope", b"").await.unwrap();
        let publish = b
            .coordinator()
            .primitives()
            .pubsub
            .publish(b"topic", Bytes::from("hello"))
            .await;
        publish.unwrap();
        let message = timeout(SECOND, messages.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(message, Event::Message(Bytes::from("hello")));
        let version = put(&b, "x", Expect::Any).await.unwrap();
        world.resync(a.index());
        let state = loop {
            match events.next().await.unwrap().unwrap() {
                WatchEvent::Resync(state) => break state,
                WatchEvent::Snapshot(state) => assert!(state.is_empty()),
                WatchEvent::Put(named) => assert_eq!(named.entry.version, version),
                other @ WatchEvent::Delete { .. } => panic!("{other:?}"),
            }
        };
        assert_eq!((state.len(), state[0].entry.version), (1, version));
    });
}

#[test]
fn clocks_run_up_to_a_tenth_apart() {
    let mut speeds = Vec::new();
    for seed in 0..20 {
        one_run(seed, Faults::none(), false, |world| {
            let clock = world.replica("a").clock();
            let speeds = &mut speeds;
            async move {
                let start = clock.now();
                sleep(100 * SECOND).await;
                speeds.push(clock.now().saturating_since(start).as_secs());
            }
        });
    }
    assert!(
        speeds.iter().all(|speed| (90..=110).contains(speed)),
        "{speeds:?}"
    );
    assert!(speeds.iter().any(|speed| *speed < 95) && speeds.iter().any(|speed| *speed > 105));
}
