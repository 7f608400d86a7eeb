//! I8: what a request costs in operations on the coordinator.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use mcpg_cluster::{Coordinator, Cursor, Entry, KeyValue, Page, Result, Value, Version};

use super::*;
use crate::principal::Principal;

/// Counts what goes through it.
struct Counting {
    inner: Arc<dyn KeyValue>,
    reads: AtomicUsize,
    writes: AtomicUsize,
    touches: AtomicUsize,
}

impl Counting {
    fn count(&self) -> (usize, usize, usize) {
        let taken = |counter: &AtomicUsize| counter.swap(0, Ordering::SeqCst);
        (taken(&self.reads), taken(&self.writes), taken(&self.touches))
    }
}

#[async_trait]
impl KeyValue for Counting {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.get(key).await
    }

    async fn put(&self, key: &Key, value: Value, expect: Expect, ttl: Option<Duration>) -> Result<Version> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.inner.put(key, value, expect, ttl).await
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<()> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.inner.delete(key, expect).await
    }

    async fn list(&self, scope: &[u8], prefix: &[u8], cursor: Option<&Cursor>, limit: usize) -> Result<Page> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.list(scope, prefix, cursor, limit).await
    }

    async fn touch(&self, key: &Key, ttl: Duration, expect: Version) -> Result<Version> {
        self.touches.fetch_add(1, Ordering::SeqCst);
        self.inner.touch(key, ttl, expect).await
    }
}

async fn counted(backend: &SingleNode) -> (TestReplica, Arc<Counting>) {
    let coordinator: Arc<dyn Coordinator> = Arc::new(backend.another_replica());
    let counting = Arc::new(Counting {
        inner: Arc::clone(&coordinator.primitives().key_value),
        reads: AtomicUsize::new(0),
        writes: AtomicUsize::new(0),
        touches: AtomicUsize::new(0),
    });
    let replica = harness::on(coordinator, Arc::clone(&counting) as _, 10).await;
    counting.count();
    (replica, counting)
}

#[tokio::test(start_paused = true)]
async fn i8_a_request_in_a_fresh_view_costs_nothing_and_a_touch_comes_per_quarter_of_the_idle_timeout() {
    let backend = backend();
    let (a, operations) = counted(&backend).await;
    let (id, _) = a.create(record()).await.unwrap();
    assert_eq!(operations.count(), (0, 1, 0), "initialize is one write");
    let mut touches = 0;
    let requests = 240;
    for _ in 0..requests {
        tokio::time::sleep(Duration::from_secs(1)).await;
        a.fresh().await;
        a.admit(id.as_str()).await.unwrap();
        let (reads, writes, touched) = operations.count();
        assert_eq!(writes, 0);
        assert_eq!(reads, touched, "a touch needs the version that it compares");
        touches += touched;
    }
    let quarters = usize::try_from(requests / (IDLE.as_secs() / 4)).unwrap();
    assert!(
        (quarters - 1..=quarters).contains(&touches),
        "{touches} touches in {quarters} quarters"
    );
}

#[tokio::test(start_paused = true)]
async fn i8_the_first_sight_of_a_session_is_one_read_and_one_touch() {
    let backend = backend();
    let a = replica(&backend).await;
    let (b, operations) = counted(&backend).await;
    let (id, _) = a.create(record()).await.unwrap();
    b.admit(id.as_str()).await.unwrap();
    assert_eq!(operations.count(), (1, 0, 1));
    b.admit(id.as_str()).await.unwrap();
    assert_eq!(operations.count(), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn i8_what_changes_a_session_is_one_write_and_an_index_entry_one_more() {
    let backend = backend();
    let (a, operations) = counted(&backend).await;
    let (id, _) = a.create(record()).await.unwrap();
    operations.count();
    a.change(&id, |record| !std::mem::replace(&mut record.initialized, true))
        .await
        .unwrap();
    assert_eq!(operations.count(), (0, 1, 0));
    let opened = RawValue::from_string(r#"{"id":"u"}"#.to_owned()).unwrap();
    a.note_opened(&id, "up", &opened).await.unwrap();
    assert_eq!(operations.count(), (0, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_forged_id_costs_nothing() {
    let backend = backend();
    let (a, operations) = counted(&backend).await;
    let (id, _) = replica(&self::backend()).await.create(record()).await.unwrap();
    assert!(is_unknown(&a.admit(id.as_str()).await), "of another deployment");
    assert!(is_unknown(&a.close(id.as_str()).await));
    assert_eq!(operations.count(), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn s8_the_session_of_another_principal_is_refused_without_asking_the_coordinator() {
    let backend = backend();
    let (a, operations) = counted(&backend).await;
    let (id, _) = a.create(record()).await.unwrap();
    operations.count();
    for other in [
        Principal::key("other"),
        Principal::anonymous(),
        Principal::key("tester/"),
    ] {
        assert!(
            is_unknown(&a.sessions.admit(&other, id.as_str()).await),
            "{other}"
        );
        assert!(
            is_unknown(&a.sessions.close(&other, id.as_str()).await),
            "{other}"
        );
    }
    assert_eq!(operations.count(), (0, 0, 0));
    assert!(a.admit(id.as_str()).await.is_ok());
}
