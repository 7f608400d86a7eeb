//! Waiting that always ends: a condition is polled, never slept for.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// For what usually takes milliseconds but may meet a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The pause between two looks at a condition.
const PERIOD: Duration = Duration::from_millis(10);

/// Polls `probe` until it yields a value; panics with `what` when `limit` has passed.
pub(crate) async fn until<T>(what: &str, limit: Duration, probe: impl AsyncFnMut() -> Option<T>) -> T {
    match poll(limit, probe).await {
        Some(value) => value,
        None => panic!("not within {limit:?}: {what}"),
    }
}

/// Polls `probe` until it yields a value or `limit` has passed.
pub(crate) async fn poll<T>(limit: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Some(value) = probe().await {
            return Some(value);
        }
        if Instant::now() >= end {
            return None;
        }
    }
}

/// Polls until `probe` is true.
pub(crate) async fn until_true(what: &str, mut probe: impl AsyncFnMut() -> bool) {
    until(what, PATIENCE, async || probe().await.then_some(())).await;
}

/// Awaits `future`; panics with `what` when [`PATIENCE`] has passed.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("not within {PATIENCE:?}: {what}"),
    }
}
