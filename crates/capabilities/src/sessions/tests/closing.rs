//! What a session leaves behind is closed.

use async_trait::async_trait;
use parking_lot::Mutex;

use super::*;

/// Notes what it is asked to close.
#[derive(Default)]
struct Noting {
    closed: Mutex<Vec<String>>,
    unwilling: Mutex<bool>,
}

#[async_trait]
impl Closer for Noting {
    async fn close_upstream(&self, upstream: &str, session: &RawValue) -> bool {
        if *self.unwilling.lock() {
            return false;
        }
        self.closed.lock().push(format!("{upstream} {session}"));
        true
    }
}

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

async fn until(condition: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "it never came to pass");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_opened_at_one_replica_is_closed_by_the_one_that_closes_the_session() {
    let backend = backend();
    let [a, b, _] = fleet_of(&backend).await;
    let closer = Arc::new(Noting::default());
    b.close_with(Arc::clone(&closer) as _);
    let (id, _) = a.create(record()).await.unwrap();
    a.note_opened(&id, "one", &raw("1")).await.unwrap();
    a.note_opened(&id, "two", &raw("2")).await.unwrap();
    a.note_opened(&id, "two", &raw("2")).await.unwrap();
    b.close(id.as_str()).await.unwrap();
    until(|| closer.closed.lock().len() == 2).await;
    assert_eq!(*closer.closed.lock(), ["one 1", "two 2"]);
}

#[tokio::test(start_paused = true)]
async fn the_reaper_closes_what_an_expired_session_left_behind() {
    let backend = backend();
    let [a, b, _] = fleet_of(&backend).await;
    let closer = Arc::new(Noting::default());
    b.close_with(Arc::clone(&closer) as _);
    let (id, _) = a.create(record()).await.unwrap();
    a.note_opened(&id, "up", &raw("1")).await.unwrap();
    let mut reaper = Reaper::new(Arc::clone(&b.sessions));
    // As long as the session is used, its entry outlives any TTL of its own.
    for _ in 0..20 {
        tokio::time::sleep(IDLE / 2).await;
        a.admit(id.as_str()).await.unwrap();
        reaper.round().await.unwrap();
        assert!(closer.closed.lock().is_empty());
    }
    tokio::time::sleep(IDLE * 5 / 4 + Duration::from_secs(1)).await;
    reaper.round().await.unwrap();
    assert_eq!(*closer.closed.lock(), ["up 1"]);
    reaper.round().await.unwrap();
    assert_eq!(closer.closed.lock().len(), 1, "it is done once");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_closed_now_is_closed_later() {
    let backend = backend();
    let [a, ..] = fleet_of(&backend).await;
    let closer = Arc::new(Noting::default());
    *closer.unwilling.lock() = true;
    a.close_with(Arc::clone(&closer) as _);
    let (id, _) = a.create(record()).await.unwrap();
    a.note_opened(&id, "up", &raw("1")).await.unwrap();
    a.close(id.as_str()).await.unwrap();
    let mut reaper = Reaper::new(Arc::clone(&a.sessions));
    reaper.round().await.unwrap();
    *closer.unwilling.lock() = false;
    reaper.round().await.unwrap();
    until(|| *closer.closed.lock() == ["up 1"]).await;
}
