//! Whether the coordinator still holds what this fleet wrote into it.
//!
//! `meta/incarnation` is a counter and a random number without a TTL. Each replica remembers the highest counter that
//! it saw and compares after every reconnect; until then it answers nothing that rests on the coordinator. A replica
//! that finds the record gone or gone back writes the next counter; one that finds it *changed* adopts it and writes
//! nothing, since two replicas that both repaired what the other one wrote would go on for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use mcpg_cluster::{Error, ErrorKind, Expect, Key, KeyValue, Result, Version};
use mcpg_metrics::table::COORDINATOR_DATA_LOSSES;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tracing::{error, info};

use crate::random;
use crate::weakness::{self, Weakness};

const SCOPE: &str = "meta";
const NAME: &str = "incarnation";

/// What a comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// The coordinator holds what it held before, or this is the first look at it.
    Same,
    /// It lost data: whatever was cached, claimed or held is void.
    Changed,
}

/// The record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    counter: u64,
    random: String,
}

#[derive(Debug, Default)]
struct Known {
    /// The mark seen last and the version that it had.
    last: Option<(Mark, Version)>,
    highest: u64,
}

/// The incarnation of the coordinator's data as this replica knows it.
pub struct Incarnation {
    key_value: Arc<dyn KeyValue>,
    known: Mutex<Known>,
    trusted: AtomicBool,
    comparing: tokio::sync::Mutex<()>,
    changes: watch::Sender<u64>,
}

impl std::fmt::Debug for Incarnation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Incarnation")
            .field("known", &*self.known.lock())
            .field("trusted", &self.trusted)
            .finish_non_exhaustive()
    }
}

impl Incarnation {
    /// Knows nothing yet and is not trusted before the first comparison.
    pub fn new(key_value: Arc<dyn KeyValue>) -> Self {
        Self {
            key_value,
            known: Mutex::default(),
            trusted: AtomicBool::new(false),
            comparing: tokio::sync::Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// How many times the data turned out to be lost since this replica started.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The highest counter that was seen: it grows whenever the coordinator lost data.
    pub fn counter(&self) -> u64 {
        self.known.lock().highest
    }

    /// Whether the data was compared since the last reconnect.
    pub fn is_trusted(&self) -> bool {
        self.trusted.load(Ordering::Acquire)
    }

    /// Refuses work while the data was not compared since the last reconnect.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`].
    pub fn require(&self) -> Result<()> {
        if self.is_trusted() {
            return Ok(());
        }
        let message = "the coordinator was reached again and its data is being compared with what was known";
        Err(Error::new(ErrorKind::Unavailable, message))
    }

    /// Reads the record and draws no conclusion from it, to see whether the coordinator answers.
    ///
    /// # Errors
    /// The coordinator's.
    pub async fn ask(&self) -> Result<()> {
        self.key_value.get(&Key::new(SCOPE, NAME)).await.map(drop)
    }

    /// From now on nothing is trusted until the next [`compare`](Self::compare) that succeeds.
    pub fn distrust(&self) {
        self.trusted.store(false, Ordering::Release);
    }

    /// Compares the record with what is known and repairs or adopts it.
    ///
    /// # Errors
    /// The coordinator's; nothing is trusted then that was not before.
    pub async fn compare(&self) -> Result<Compared> {
        // Two comparisons at once on one replica could each take the other one's repair for a foreign change.
        let _one_at_a_time = self.comparing.lock().await;
        let place = Key::new(SCOPE, NAME);
        loop {
            let entry = self.key_value.get(&place).await?;
            let (mark, expect) = match entry {
                Some(entry) => {
                    let found: Mark = serde_json::from_slice(&entry.value).map_err(unreadable)?;
                    if !self.has_gone_back(&found, entry.version) {
                        return Ok(self.adopt(found, entry.version));
                    }
                    (self.next(), Expect::Version(entry.version))
                }
                None => (self.next(), Expect::Absent),
            };
            let value = serde_json::to_vec(&mark).map_err(unreadable)?;
            match self.key_value.put(&place, Bytes::from(value), expect, None).await {
                Ok(version) => return Ok(self.adopt(mark, version)),
                // Another replica was first, or the answer is lost: what stands there now decides.
                Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Indeterminate) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn has_gone_back(&self, found: &Mark, version: Version) -> bool {
        let known = self.known.lock();
        let same_but_older = known
            .last
            .as_ref()
            .is_some_and(|(mark, at)| mark == found && version < *at);
        let changed = known.last.as_ref().is_some_and(|(mark, _)| mark != found);
        let repairs = changed && weakness::has(Weakness::RepairsChanges);
        found.counter < known.highest || same_but_older || repairs
    }

    fn next(&self) -> Mark {
        let random = u128::from_be_bytes(random::bytes());
        Mark {
            counter: self.known.lock().highest + 1,
            random: format!("{random:032x}"),
        }
    }

    fn adopt(&self, found: Mark, version: Version) -> Compared {
        let mut known = self.known.lock();
        let compared = match &known.last {
            Some((mark, _)) if *mark != found => Compared::Changed,
            _ => Compared::Same,
        };
        let counter = found.counter;
        if compared == Compared::Changed {
            error!(
                message = "The coordinator lost data: sessions and everything else that it held may be gone.",
                incarnation = counter
            );
            COORDINATOR_DATA_LOSSES.count(&[]);
            self.changes.send_modify(|changes| *changes += 1);
        } else if known.last.is_none() {
            info!(
                message = "The coordinator's data is known.",
                incarnation = counter
            );
        }
        known.highest = known.highest.max(counter);
        known.last = Some((found, version));
        self.trusted.store(true, Ordering::Release);
        compared
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unreadable(error: serde_json::Error) -> Error {
    Error::new(
        ErrorKind::Internal,
        "the record meta/incarnation cannot be read or written",
    )
    .with_context("cause", error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use mcpg_cluster::Coordinator as _;
    use mcpg_single_node::SingleNode;

    use super::*;

    fn backend() -> Arc<dyn KeyValue> {
        Arc::clone(&SingleNode::new().primitives().key_value)
    }

    fn place() -> Key {
        Key::new(SCOPE, NAME)
    }

    async fn counter(backend: &Arc<dyn KeyValue>) -> u64 {
        let entry = backend.get(&place()).await.unwrap().unwrap();
        serde_json::from_slice::<Mark>(&entry.value).unwrap().counter
    }

    #[tokio::test]
    async fn nothing_is_trusted_before_the_first_comparison() {
        let backend = backend();
        let incarnation = Incarnation::new(Arc::clone(&backend));
        assert_eq!(incarnation.require().unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(incarnation.compare().await.unwrap(), Compared::Same);
        incarnation.require().unwrap();
        incarnation.distrust();
        incarnation.require().unwrap_err();
        assert_eq!(incarnation.compare().await.unwrap(), Compared::Same);
        incarnation.require().unwrap();
        assert_eq!(counter(&backend).await, 1);
    }

    #[tokio::test]
    async fn lost_data_is_noticed_once_and_repaired_once() {
        let backend = backend();
        let (a, b) = (
            Incarnation::new(Arc::clone(&backend)),
            Incarnation::new(Arc::clone(&backend)),
        );
        for replica in [&a, &b] {
            assert_eq!(replica.compare().await.unwrap(), Compared::Same);
        }
        backend.delete(&place(), Expect::Any).await.unwrap();
        let (first, second) = tokio::join!(a.compare(), b.compare());
        assert_eq!(
            (first.unwrap(), second.unwrap()),
            (Compared::Changed, Compared::Changed)
        );
        assert_eq!(counter(&backend).await, 2);
        let before = backend.get(&place()).await.unwrap();
        for replica in [&a, &b, &a, &b] {
            assert_eq!(replica.compare().await.unwrap(), Compared::Same);
        }
        assert_eq!(
            backend.get(&place()).await.unwrap(),
            before,
            "nobody repairs a repair"
        );
    }

    #[tokio::test]
    async fn an_older_state_is_raised_above_everything_known() {
        let backend = backend();
        let replica = Incarnation::new(Arc::clone(&backend));
        for _ in 0..3 {
            replica.compare().await.unwrap();
            backend.delete(&place(), Expect::Any).await.unwrap();
        }
        replica.compare().await.unwrap();
        assert_eq!(counter(&backend).await, 4);
        let older = Bytes::from_static(br#"{"counter":2,"random":"x"}"#);
        backend.put(&place(), older, Expect::Any, None).await.unwrap();
        assert_eq!(replica.compare().await.unwrap(), Compared::Changed);
        assert_eq!(counter(&backend).await, 5);
    }

    #[tokio::test]
    async fn a_changed_record_is_adopted_and_not_written() {
        let backend = backend();
        let replica = Incarnation::new(Arc::clone(&backend));
        replica.compare().await.unwrap();
        let foreign = Bytes::from_static(br#"{"counter":1,"random":"another"}"#);
        backend
            .put(&place(), foreign.clone(), Expect::Any, None)
            .await
            .unwrap();
        let before = backend.get(&place()).await.unwrap();
        assert_eq!(replica.compare().await.unwrap(), Compared::Changed);
        assert_eq!(backend.get(&place()).await.unwrap(), before);
        assert_eq!(replica.compare().await.unwrap(), Compared::Same);
    }
}
