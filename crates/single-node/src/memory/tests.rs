#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use mcpg_cluster::{Expect, Key, KeyValue, Version, Watch, WatchEvent};
use tokio::time::{Instant, advance, sleep};

use super::{Memory, Shard, Stored};
use crate::gate::Gate;
use crate::key_value::MemoryKeyValue;
use crate::mailbox::CAPACITY;
use crate::watch::MemoryWatch;

const VALUE: Bytes = Bytes::from_static(b"value");
const SECOND: Duration = Duration::from_secs(1);

struct Setup {
    memory: Arc<Memory>,
    key_value: MemoryKeyValue,
    watch: MemoryWatch,
}

fn setup() -> Setup {
    let (memory, gate) = (Arc::default(), Arc::<Gate>::default());
    Setup {
        key_value: MemoryKeyValue::new(&memory, &gate),
        watch: MemoryWatch::new(&memory, &gate),
        memory,
    }
}

impl Setup {
    async fn put(&self, key: &Key, ttl: Option<Duration>) {
        self.key_value.put(key, VALUE, Expect::Any, ttl).await.unwrap();
    }
}

fn key(number: usize) -> Key {
    Key::new(format!("scope {}", number % 50), number.to_string())
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_is_freed_though_nobody_reads_it() {
    let setup = setup();
    for number in 0..1000 {
        setup
            .put(&key(number), Some(SECOND * (1 + number as u32 % 10)))
            .await;
    }
    assert_eq!(setup.memory.sizes(), [1000, 1000, 50, 0]);
    sleep(SECOND * 5 + Duration::from_millis(5)).await;
    assert_eq!(setup.memory.sizes()[..2], [500, 500]);
    sleep(SECOND * 5).await;
    assert_eq!(setup.memory.sizes(), [0; 4]);
}

#[tokio::test(start_paused = true)]
async fn an_earlier_expiry_wakes_the_sweeper_earlier() {
    let setup = setup();
    setup.put(&key(1), Some(SECOND * 3600)).await;
    sleep(SECOND).await;
    setup.put(&key(2), Some(SECOND)).await;
    sleep(SECOND + Duration::from_millis(5)).await;
    assert_eq!(setup.memory.sizes()[..2], [1, 1]);
}

#[test]
fn the_sweeper_starts_again_when_its_runtime_is_gone() {
    let setup = setup();
    let run = |test: &dyn Fn() -> futures_util::future::LocalBoxFuture<'static, ()>| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(test());
    };
    let setup = Arc::new(setup);
    for number in [1, 2] {
        run(&|| {
            let setup = Arc::clone(&setup);
            Box::pin(async move { setup.put(&key(number), Some(SECOND)).await })
        });
    }
    run(&|| {
        let setup = Arc::clone(&setup);
        Box::pin(async move {
            setup.put(&key(3), Some(SECOND)).await;
            sleep(SECOND * 2).await;
            assert_eq!(setup.memory.sizes()[..2], [0, 0]);
        })
    });
}

#[tokio::test(start_paused = true)]
async fn an_entry_lives_until_the_very_end_of_its_ttl() {
    let setup = setup();
    setup.put(&key(1), Some(SECOND)).await;
    advance(SECOND - Duration::from_nanos(1)).await;
    assert!(setup.key_value.get(&key(1)).await.unwrap().is_some());
    advance(Duration::from_nanos(1)).await;
    assert!(setup.key_value.get(&key(1)).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn touches_and_puts_leave_one_expiry_behind_or_none() {
    let setup = setup();
    let key = key(1);
    setup.put(&key, Some(SECOND)).await;
    for number in 1..100 {
        let version = setup.key_value.get(&key).await.unwrap().unwrap().version;
        let ttl = SECOND * number;
        setup.key_value.touch(&key, ttl, version).await.unwrap();
        setup.put(&key, Some(ttl)).await;
        advance(Duration::from_millis(1)).await;
    }
    assert_eq!(setup.memory.sizes(), [1, 1, 1, 0]);
    setup.put(&key, None).await;
    assert_eq!(setup.memory.sizes(), [1, 0, 1, 0]);
    setup.put(&key, Some(SECOND)).await;
    setup.key_value.delete(&key, Expect::Any).await.unwrap();
    assert_eq!(setup.memory.sizes(), [0; 4]);
}

#[tokio::test(start_paused = true)]
async fn an_unswept_entry_does_not_end_the_life_of_its_successor() {
    let (mut shard, now) = (Shard::default(), Instant::now());
    let stored = |number, expires_at| Stored {
        value: VALUE,
        version: Version::new(number),
        expires_at,
    };
    shard.put(&key(1), stored(1, Some(now + SECOND)));
    assert_eq!(shard.version(&key(1), now + SECOND), None);
    shard.put(&key(1), stored(2, None));
    shard.remove_expired(now + SECOND * 2);
    let version = shard.version(&key(1), now + SECOND * 2);
    assert_eq!(version, Some(Version::new(2)));
}

#[tokio::test(start_paused = true)]
async fn no_buffer_of_a_caller_is_kept_alive() {
    let setup = setup();
    let buffer = Bytes::from(vec![b'x'; 64 * 1024]);
    let key = Key::new(buffer.slice(..5), buffer.slice(5..10));
    let ttl = Some(SECOND);
    let put = setup.key_value.put(&key, buffer.slice(10..20), Expect::Any, ttl);
    let version = put.await.unwrap();
    setup.key_value.touch(&key, SECOND * 2, version).await.unwrap();
    drop(key);
    assert!(buffer.is_unique());
    assert_eq!(setup.memory.sizes(), [1, 1, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_watcher_costs_a_bounded_queue_and_resyncs() {
    let setup = setup();
    let mut stream = setup.watch.watch(b"scope 1", b"").await.unwrap();
    for _ in 0..=CAPACITY {
        setup.put(&key(1), None).await;
    }
    setup.put(&key(51), None).await;
    let first = stream.next().await.unwrap().unwrap();
    assert_eq!(first, WatchEvent::Snapshot(Vec::new()));
    let WatchEvent::Resync(state) = stream.next().await.unwrap().unwrap() else {
        panic!("a slow watcher was not told to resync");
    };
    let names: Vec<_> = state.iter().map(|named| named.name.as_ref()).collect();
    assert_eq!(names, [b"1".as_slice(), b"51"]);
    setup.key_value.delete(&key(1), Expect::Any).await.unwrap();
    let event = stream.next().await.unwrap().unwrap();
    assert_eq!(event, WatchEvent::Delete { name: "1".into() });
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_dropped_leaves_nothing_behind() {
    let setup = setup();
    let first = setup.watch.watch(b"scope", b"").await.unwrap();
    let second = setup.watch.watch(b"scope", b"prefix").await.unwrap();
    assert_eq!(setup.memory.sizes(), [0, 0, 0, 1]);
    drop(first);
    drop(second);
    assert_eq!(setup.memory.sizes(), [0; 4]);
}
