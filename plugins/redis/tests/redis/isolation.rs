//! Two deployments on one server, and what is left behind.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use mcpg_plugin_sdk::cluster::{Event, Expect, Key, LeaseRequest, PeerId, PeerInfo, WatchEvent};
use serde_json::json;

use crate::server::{Server, open_with, shared};

#[tokio::test]
async fn an_16_two_prefixes_on_one_server_do_not_list_watch_receive_or_delete_each_others() {
    let server = shared();
    let prefix = Server::fresh_prefix();
    let one = server.open(&prefix).await.unwrap();
    // A prefix that begins with the other one is the harder case.
    let other = server.open(&format!("{prefix}x:")).await.unwrap();
    let (here, there) = (one.primitives(), other.primitives());
    let key = Key::new("scope", "name");
    let mut changes = there.watch.watch(b"scope", b"").await.unwrap();
    let mut messages = there.pubsub.subscribe(b"topic").await.unwrap();
    here.key_value
        .put(&key, "here".into(), Expect::Absent, None)
        .await
        .unwrap();
    let request = LeaseRequest::new("lease", "holder", Duration::from_secs(60)).unwrap();
    here.lease.acquire(&request).await.unwrap().unwrap();
    here.pubsub.publish(b"topic", "here".into()).await.unwrap();
    let id = PeerId {
        node: "node".to_owned(),
        boot: "1".to_owned(),
    };
    let details = Bytes::new();
    let _stay = here.presence.join(PeerInfo { id, details }).await.unwrap();

    assert_eq!(there.key_value.get(&key).await.unwrap(), None);
    let page = there.key_value.list(b"scope", b"", None, 10).await.unwrap();
    assert!(page.entries.is_empty());
    assert_eq!(there.lease.holder(b"lease").await.unwrap(), None);
    assert!(there.presence.peers().await.unwrap().is_empty());
    there.key_value.delete(&key, Expect::Any).await.unwrap();
    let kept = here.key_value.get(&key).await.unwrap();
    assert_eq!(kept.unwrap().value, "here", "a delete under the other prefix");
    let token = here.lease.holder(b"lease").await.unwrap().unwrap().token;
    there.lease.release(b"lease", token).await.unwrap();
    let held = here.lease.holder(b"lease").await.unwrap();
    assert!(held.is_some(), "a release under the other prefix");
    there.pubsub.publish(b"topic", "there".into()).await.unwrap();
    assert_eq!(
        messages.next().await.unwrap().unwrap(),
        Event::Message("there".into())
    );
    let snapshot = changes.next().await.unwrap().unwrap();
    assert_eq!(snapshot, WatchEvent::Snapshot(Vec::new()));
    there
        .key_value
        .put(&key, "there".into(), Expect::Absent, None)
        .await
        .unwrap();
    let put = changes.next().await.unwrap().unwrap();
    assert!(
        matches!(&put, WatchEvent::Put(named) if named.entry.value == "there"),
        "{put:?}"
    );
}

#[tokio::test]
async fn hm_10_hostile_names_neither_collide_nor_leave_the_prefix() {
    let server = Server::start();
    let coordinator = server.open("p*:").await.unwrap();
    let key_value = &coordinator.primitives().key_value;
    let long = vec![b'x'; 10 * 1024];
    let parts: [&[u8]; 9] = [
        b"",
        b"/",
        b"*",
        b"> :.",
        b"\0",
        b"\xff\xfe",
        b"}{",
        b"\r\nDEL p*:",
        &long,
    ];
    let keys: Vec<Key> = parts
        .iter()
        .flat_map(|scope| parts.iter().map(move |name| Key::copied(scope, name)))
        .collect();
    for (number, key) in keys.iter().enumerate() {
        let value = Bytes::from(number.to_string());
        key_value.put(key, value, Expect::Absent, None).await.unwrap();
    }
    for (number, key) in keys.iter().enumerate() {
        let entry = key_value.get(key).await.unwrap().unwrap();
        assert_eq!(entry.value, number.to_string(), "{key}");
    }
    for scope in parts {
        let page = key_value.list(scope, b"", None, 100).await.unwrap();
        assert_eq!(page.entries.len(), parts.len(), "{}", scope.escape_ascii());
    }
    let redis::Value::Array(written) = server.command(&["KEYS", "*"]) else {
        panic!("no list of keys");
    };
    // One for each entry, one index for each scope, and the counter.
    assert_eq!(written.len(), keys.len() + parts.len() + 1);
    for key in written {
        let redis::Value::BulkString(key) = key else {
            panic!("no key");
        };
        assert!(key.starts_with(b"p*:{p*:}"), "{}", key.escape_ascii());
    }
}

#[tokio::test]
async fn two_databases_of_one_server_do_not_hear_each_other() {
    let server = shared();
    let prefix = Server::fresh_prefix();
    let open = async |database: &str| {
        let url = format!("{}/{database}", server.url(""));
        let settings = json!({ "url": url, "key_prefix": prefix });
        open_with(&settings).await.unwrap()
    };
    let (one, other) = (open("1").await, open("2").await);
    let mut messages = other.primitives().pubsub.subscribe(b"topic").await.unwrap();
    for (coordinator, message) in [(&one, "one"), (&other, "other")] {
        let published = coordinator.primitives().pubsub.publish(b"topic", message.into());
        published.await.unwrap();
    }
    let first = messages.next().await.unwrap().unwrap();
    assert_eq!(first, Event::Message("other".into()));
}

#[tokio::test]
async fn nothing_is_left_of_entries_that_expired() {
    let server = Server::start();
    let coordinator = server.open("p:").await.unwrap();
    let key_value = &coordinator.primitives().key_value;
    for number in 0..40_u8 {
        let key = Key::copied("scope", [number]);
        let ttl = Duration::from_millis(50);
        key_value
            .put(&key, "value".into(), Expect::Absent, Some(ttl))
            .await
            .unwrap();
    }
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let redis::Value::Array(keys) = server.command(&["KEYS", "*"]) else {
            panic!("no list of keys");
        };
        if keys.len() == 1 {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "still there: {keys:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let redis::Value::BulkString(fence) = server.command(&["GET", "p:{p:}fence"]) else {
        panic!("the counter is gone");
    };
    assert_eq!(fence.len(), 16, "all digits are kept: {fence:?}");
}

#[tokio::test]
async fn a_lost_counter_starts_above_what_it_was() {
    let server = Server::start();
    let coordinator = server.open("p:").await.unwrap();
    let key_value = &coordinator.primitives().key_value;
    let key = Key::new("scope", "name");
    let first = key_value.put(&key, "1".into(), Expect::Any, None).await.unwrap();
    server.command(&["FLUSHALL"]);
    let second = key_value.put(&key, "2".into(), Expect::Any, None).await.unwrap();
    assert!(second > first);
    // A clock that stands still or goes back is overtaken by the counter.
    let ahead = second.get() + 1_000_000_000_000;
    server.command(&["SET", "p:{p:}fence", &ahead.to_string()]);
    let third = key_value.put(&key, "3".into(), Expect::Any, None).await.unwrap();
    assert_eq!(third.get(), ahead + 1);
}
