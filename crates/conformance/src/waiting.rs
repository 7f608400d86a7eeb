//! Deadlines, polling and everything else that has to do with time.

use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt};
use mcpg_cluster::{NamedEntry, Result};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::failure::ensure;
use crate::{Context, Failure, Outcome};

/// How often something is polled.
const INTERVAL: Duration = Duration::from_millis(10);

/// What a busy machine may take for something that happens at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a step is tried that must end within a TTL, on a machine that stalls.
const TIMELY_ATTEMPTS: u32 = 8;

impl Context {
    /// How long something that happens at once may take to be seen.
    pub(crate) fn patience(&self) -> Duration {
        PATIENCE + self.support().stale_reads + self.support().watch_lag
    }

    /// Waits until what was acknowledged at `acknowledged` must have expired, for every reader.
    pub(crate) async fn until_expired(&self, acknowledged: Instant, ttl: Duration) {
        let slack = self.support().ttl_slack.of(ttl) + self.support().stale_reads;
        sleep_until(acknowledged + ttl + slack + Duration::from_millis(1)).await;
    }

    /// Repeats `probe` until it gives something.
    pub(crate) async fn eventually<T>(
        &self,
        what: &str,
        probe: impl AsyncFnMut() -> Outcome<Option<T>>,
    ) -> Outcome<T> {
        self.eventually_within(self.patience(), what, probe).await
    }

    /// Repeats `probe` until it gives something, for at most `bound`.
    pub(crate) async fn eventually_within<T>(
        &self,
        bound: Duration,
        what: &str,
        mut probe: impl AsyncFnMut() -> Outcome<Option<T>>,
    ) -> Outcome<T> {
        let deadline = Instant::now() + bound;
        loop {
            if let Some(found) = probe().await? {
                return Ok(found);
            }
            ensure(Instant::now() < deadline, format!("{what}: not within {bound:?}"))?;
            sleep(INTERVAL).await;
        }
    }

    /// Reads once if reads are never old, else until the answer is as wanted or cannot be old any more.
    pub(crate) async fn reread<T>(
        &self,
        read: impl AsyncFn() -> Outcome<T>,
        wanted: impl Fn(&T) -> bool,
    ) -> Outcome<T> {
        let deadline = Instant::now() + self.support().stale_reads;
        loop {
            let last = Instant::now() >= deadline;
            let answer = read().await?;
            if last || wanted(&answer) {
                return Ok(answer);
            }
            sleep(INTERVAL).await;
        }
    }

    /// Makes an attempt that counts only if it ended within `ttl`: what came later proves nothing.
    ///
    /// Attempts are numbered, so that each can use names of its own.
    pub(crate) async fn timely<T>(
        &self,
        ttl: Duration,
        attempt: impl AsyncFn(u32) -> Outcome<T>,
    ) -> Outcome<T> {
        for number in 0..TIMELY_ATTEMPTS {
            let start = Instant::now();
            let outcome = attempt(number).await;
            if start.elapsed() < ttl {
                return outcome;
            }
        }
        let message = format!("this machine was never fast enough to act within {ttl:?}");
        Err(Failure::new(message))
    }

    /// The next item of a stream.
    pub(crate) async fn next<T>(&self, what: &str, stream: &mut BoxStream<'static, Result<T>>) -> Outcome<T> {
        let patience = self.patience();
        match timeout(patience, stream.next()).await {
            Ok(Some(item)) => Ok(item?),
            Ok(None) => Err(Failure::new(format!("{what}: the stream ended"))),
            Err(_) => Err(Failure::new(format!("{what}: nothing within {patience:?}"))),
        }
    }

    /// All pages of a list.
    pub(crate) async fn pages(
        &self,
        scope: &[u8],
        prefix: &[u8],
        limit: usize,
    ) -> Outcome<Vec<Vec<NamedEntry>>> {
        let mut pages = Vec::new();
        let mut cursor = None;
        loop {
            let page = self.kv().list(scope, prefix, cursor.as_ref(), limit).await?;
            pages.push(page.entries);
            ensure(pages.len() < 10_000, "the list has no end")?;
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(pages),
            }
        }
    }
}
