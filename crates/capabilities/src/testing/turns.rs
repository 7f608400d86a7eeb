//! All orders in which the operations of several replicas can happen, one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mcpg_cluster::{Cursor, Entry, Expect, Key, KeyValue, Page, Result, Value, Version};
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Walks through all orders: the choices of the run before, with the last one that had an alternative moved on.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    /// For each step of the run: which of the waiting replicas went on, and how many waited.
    choices: Vec<(usize, usize)>,
    runs: usize,
}

/// The replicas that wait for their turn in one run.
#[derive(Clone, Default)]
pub(crate) struct Turns {
    waiting: Arc<Mutex<BTreeMap<usize, oneshot::Sender<()>>>>,
}

/// One replica's way to a coordinator, an operation at a time.
pub(crate) struct Turn {
    inner: Arc<dyn KeyValue>,
    turns: Turns,
    replica: usize,
}

impl Orders {
    /// How many orders were walked.
    pub(crate) fn runs(&self) -> usize {
        self.runs
    }

    /// Lets the replicas of one run go on in the next order, until none waits any more.
    pub(crate) async fn walk(&mut self, turns: &Turns) {
        self.runs += 1;
        let mut step = 0;
        loop {
            // Paused time moves when everybody waits. The step is longer than any pause between two attempts.
            tokio::time::sleep(Duration::from_secs(1)).await;
            let mut waiting = turns.waiting.lock();
            if waiting.is_empty() {
                break;
            }
            if step == self.choices.len() {
                self.choices.push((0, waiting.len()));
            }
            let (choice, among) = self.choices[step];
            assert_eq!(among, waiting.len(), "a run is not repeatable");
            let replica = *waiting.keys().nth(choice).expect("it is below their number");
            let turn = waiting.remove(&replica).expect("it waits");
            drop(waiting);
            let _ = turn.send(());
            step += 1;
        }
        self.choices.truncate(step);
    }

    /// Lets whoever waits now go on, outside of the order that is walked.
    pub(crate) fn go_on(&self, turns: &Turns) {
        for (_, turn) in std::mem::take(&mut *turns.waiting.lock()) {
            let _ = turn.send(());
        }
    }

    /// Moves on to the next order; `false` when all were walked.
    pub(crate) fn more(&mut self) -> bool {
        while let Some((choice, among)) = self.choices.pop() {
            if choice + 1 < among {
                self.choices.push((choice + 1, among));
                return true;
            }
        }
        false
    }
}

impl Turns {
    /// The way of one replica, whose turn is chosen by its number.
    pub(crate) fn way(&self, replica: usize, inner: Arc<dyn KeyValue>) -> Arc<Turn> {
        let turns = self.clone();
        Arc::new(Turn {
            inner,
            turns,
            replica,
        })
    }
}

impl Turn {
    async fn turn(&self) {
        let (turn, come) = oneshot::channel();
        let before = self.turns.waiting.lock().insert(self.replica, turn);
        assert!(before.is_none(), "a replica does one thing at a time");
        let _ = come.await;
    }
}

#[async_trait]
impl KeyValue for Turn {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        self.turn().await;
        self.inner.get(key).await
    }

    async fn put(&self, key: &Key, value: Value, expect: Expect, ttl: Option<Duration>) -> Result<Version> {
        self.turn().await;
        self.inner.put(key, value, expect, ttl).await
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<()> {
        self.turn().await;
        self.inner.delete(key, expect).await
    }

    async fn list(&self, scope: &[u8], prefix: &[u8], cursor: Option<&Cursor>, limit: usize) -> Result<Page> {
        self.turn().await;
        self.inner.list(scope, prefix, cursor, limit).await
    }

    async fn touch(&self, key: &Key, ttl: Duration, expect: Version) -> Result<Version> {
        self.turn().await;
        self.inner.touch(key, ttl, expect).await
    }
}
