//! A server that dies, comes back or stops answering.

use std::time::Duration;

use futures_util::StreamExt;
use mcpg_plugin_sdk::cluster::{
    Connection, Coordinator, ErrorKind, Event, Expect, Key, LeaseRequest, WatchEvent,
};
use tokio::time::{Instant, sleep, timeout};

use crate::server::Server;

const PATIENCE: Duration = Duration::from_secs(30);

async fn until_up(coordinator: &dyn Coordinator, generation: u64) {
    let mut states = coordinator.connection();
    let up = async {
        while let Some(state) = states.next().await {
            if matches!(state, Connection::Up(found) if found >= generation) {
                return;
            }
        }
        panic!("the states ended");
    };
    timeout(PATIENCE, up).await.unwrap();
}

#[tokio::test]
async fn a_killed_server_is_unavailable_and_followed_when_it_is_back() {
    let server = Server::start_with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let coordinator = server.open("p:").await.unwrap();
    let primitives = coordinator.primitives();
    let (kept, lost) = (Key::new("scope", "kept"), Key::new("scope", "lost"));
    let version = primitives
        .key_value
        .put(&kept, "value".into(), Expect::Absent, None)
        .await
        .unwrap();
    let mut changes = primitives.watch.watch(b"scope", b"").await.unwrap();
    assert!(matches!(changes.next().await, Some(Ok(WatchEvent::Snapshot(state))) if state.len() == 1));
    let mut messages = primitives.pubsub.subscribe(b"topic").await.unwrap();
    let mut states = coordinator.connection();
    assert_eq!(states.next().await, Some(Connection::Up(1)));
    let request = LeaseRequest::new("lease", "holder", Duration::from_secs(60)).unwrap();
    let grant = primitives.lease.acquire(&request).await.unwrap().unwrap();

    server.kill();
    assert_eq!(
        timeout(PATIENCE, states.next()).await.unwrap(),
        Some(Connection::Down)
    );
    let refused = primitives
        .key_value
        .put(&lost, "x".into(), Expect::Any, None)
        .await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unavailable);
    let refused = primitives.key_value.get(&kept).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unavailable);

    server.restart();
    until_up(&*coordinator, 2).await;
    assert_eq!(
        timeout(PATIENCE, messages.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap(),
        Event::Gap
    );
    primitives.pubsub.publish(b"topic", "after".into()).await.unwrap();
    assert_eq!(
        timeout(PATIENCE, messages.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap(),
        Event::Message("after".into())
    );
    let resync = timeout(PATIENCE, changes.next()).await.unwrap().unwrap().unwrap();
    assert!(
        matches!(&resync, WatchEvent::Resync(state) if state.len() == 1 && state[0].entry.version == version),
        "{resync:?}"
    );
    assert_eq!(primitives.key_value.get(&lost).await.unwrap(), None);
    let renewed = primitives.lease.renew(&request, grant.token).await.unwrap();
    assert_eq!(renewed.token, grant.token);
}

#[tokio::test]
async fn tokens_grow_although_the_server_lost_its_memory() {
    let server = Server::start();
    let coordinator = server.open("p:").await.unwrap();
    let lease = &coordinator.primitives().lease;
    let request = LeaseRequest::new("lease", "a", Duration::from_secs(60)).unwrap();
    let first = lease.acquire(&request).await.unwrap().unwrap();
    server.kill();
    server.restart();
    until_up(&*coordinator, 2).await;
    let successor = LeaseRequest::new("lease", "b", Duration::from_secs(60)).unwrap();
    let second = lease.acquire(&successor).await.unwrap().unwrap();
    assert!(second.token > first.token);
    let refused = lease.renew(&request, first.token).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotHeld);
}

#[tokio::test]
async fn a_server_that_stops_answering_leaves_writes_undecided() {
    let server = Server::start();
    let coordinator = server.open("p:").await.unwrap();
    let key_value = &coordinator.primitives().key_value;
    let (key, first) = (Key::new("scope", "name"), Key::new("scope", "first"));
    // From now on the server knows the script, so that one message is the whole write.
    let put = key_value.put(&first, "value".into(), Expect::Absent, None);
    put.await.unwrap();
    server.signal("STOP");
    let began = Instant::now();
    let (put, get) = tokio::join!(
        key_value.put(&key, "value".into(), Expect::Absent, None),
        key_value.get(&key)
    );
    assert_eq!(put.unwrap_err().kind(), ErrorKind::Indeterminate);
    assert_eq!(get.unwrap_err().kind(), ErrorKind::Unavailable);
    let took = began.elapsed();
    assert!(
        took < Duration::from_secs(8),
        "an answer took {took:?} with a bound of 5 s"
    );
    server.signal("CONT");
    // The write was on its way: this is why it must not be taken for one that failed.
    let deadline = Instant::now() + PATIENCE;
    loop {
        if matches!(key_value.get(&key).await, Ok(Some(entry)) if entry.value == "value") {
            break;
        }
        assert!(Instant::now() < deadline, "the write never arrived");
        sleep(Duration::from_millis(20)).await;
    }
}
