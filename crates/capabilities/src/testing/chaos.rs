//! A coordinator on a bad network: slow, with lost requests, lost answers, and requests that arrive late or twice.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mcpg_cluster::{Cursor, Entry, Error, ErrorKind, Expect, Key, KeyValue, Page, Result, Value, Version};
use parking_lot::Mutex;

use super::dice::Dice;

/// How often what goes wrong, in percent of the operations.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Odds {
    /// The operation surely does not arrive.
    pub(crate) unreachable: u64,
    /// A write is lost, and nobody knows.
    pub(crate) lost: u64,
    /// A write is applied, but its answer is lost.
    pub(crate) unanswered: u64,
    /// Nobody knows of a write, and it is applied some time later.
    pub(crate) late: u64,
    /// A write is applied and answered, and a copy of it arrives some time later.
    pub(crate) twice: u64,
    /// How long an operation takes at the most on each way, in milliseconds.
    pub(crate) slow_ms: u64,
    /// How long a late write or a copy takes at the most, in milliseconds.
    pub(crate) late_ms: u64,
}

/// One replica's way to a coordinator.
pub(crate) struct Chaos {
    inner: Arc<dyn KeyValue>,
    odds: Odds,
    dice: Mutex<Dice>,
}

enum Fate {
    Fine,
    Unreachable,
    Lost,
    Unanswered,
    Late,
    Twice,
}

/// A write that can be sent again.
#[derive(Clone)]
enum Write {
    Put(Key, Value, Expect, Option<Duration>),
    Delete(Key, Expect),
    Touch(Key, Duration, Version),
}

impl Chaos {
    pub(crate) fn new(inner: Arc<dyn KeyValue>, odds: Odds, seed: u64) -> Arc<Self> {
        let dice = Mutex::new(Dice::new(seed));
        Arc::new(Self { inner, odds, dice })
    }

    async fn travel(&self) {
        let most = self.odds.slow_ms;
        if most > 0 {
            let taken = self.dice.lock().below(most + 1);
            tokio::time::sleep(Duration::from_millis(taken)).await;
        }
    }

    fn fate(&self) -> Fate {
        let mut number = self.dice.lock().below(100);
        let odds = &self.odds;
        for (share, fate) in [
            (odds.unreachable, Fate::Unreachable),
            (odds.lost, Fate::Lost),
            (odds.unanswered, Fate::Unanswered),
            (odds.late, Fate::Late),
            (odds.twice, Fate::Twice),
        ] {
            if number < share {
                return fate;
            }
            number -= share;
        }
        Fate::Fine
    }

    async fn write(&self, write: Write) -> Result<Option<Version>> {
        let unknown = || Err(Error::new(ErrorKind::Indeterminate, "the answer was lost"));
        self.travel().await;
        let answer = match self.fate() {
            Fate::Fine => apply(&self.inner, write).await,
            Fate::Unreachable => Err(unreachable_backend()),
            Fate::Lost => unknown(),
            Fate::Unanswered => {
                let _ = apply(&self.inner, write).await;
                unknown()
            }
            Fate::Late => {
                self.apply_later(write);
                unknown()
            }
            Fate::Twice => {
                let answer = apply(&self.inner, write.clone()).await;
                self.apply_later(write);
                answer
            }
        };
        self.travel().await;
        answer
    }

    fn apply_later(&self, write: Write) {
        let after = Duration::from_millis(self.dice.lock().below(self.odds.late_ms + 1));
        let inner = Arc::clone(&self.inner);
        // It goes on by itself, as a packet does whose sender is gone.
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let _ = apply(&inner, write).await;
        });
    }

    async fn read(&self) -> Result<()> {
        self.travel().await;
        if self.dice.lock().hits(self.odds.unreachable) {
            return Err(unreachable_backend());
        }
        Ok(())
    }
}

async fn apply(inner: &Arc<dyn KeyValue>, write: Write) -> Result<Option<Version>> {
    match write {
        Write::Put(key, value, expect, ttl) => inner.put(&key, value, expect, ttl).await.map(Some),
        Write::Delete(key, expect) => inner.delete(&key, expect).await.map(|()| None),
        Write::Touch(key, ttl, expect) => inner.touch(&key, ttl, expect).await.map(Some),
    }
}

fn unreachable_backend() -> Error {
    Error::new(ErrorKind::Unavailable, "nobody listens")
}

#[async_trait]
impl KeyValue for Chaos {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        self.read().await?;
        let answer = self.inner.get(key).await;
        self.travel().await;
        answer
    }

    async fn put(&self, key: &Key, value: Value, expect: Expect, ttl: Option<Duration>) -> Result<Version> {
        let written = self.write(Write::Put(key.clone(), value, expect, ttl)).await?;
        Ok(written.expect("a put gives a version"))
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<()> {
        self.write(Write::Delete(key.clone(), expect)).await.map(|_| ())
    }

    async fn list(&self, scope: &[u8], prefix: &[u8], cursor: Option<&Cursor>, limit: usize) -> Result<Page> {
        self.read().await?;
        let answer = self.inner.list(scope, prefix, cursor, limit).await;
        self.travel().await;
        answer
    }

    async fn touch(&self, key: &Key, ttl: Duration, expect: Version) -> Result<Version> {
        let written = self.write(Write::Touch(key.clone(), ttl, expect)).await?;
        Ok(written.expect("a touch gives a version"))
    }
}
