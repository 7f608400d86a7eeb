//! How many bytes the streams of one principal may hold over the whole fleet.
//!
//! `budget/<principal>` says how much each replica has taken of it. A replica takes **chunks**, by compare-and-set, and
//! hands them out to its own streams without asking anybody; what fits into a quarter of a chunk is not recorded at all,
//! so that the many principals that say little cost nothing. The sum is therefore at most the budget and a quarter of
//! a chunk for each replica. The bytes of a stream count until its client can hardly come back any more; chunks that are
//! not needed then are given back, and those of dead replicas are dropped by whoever needs room.
//!
//! What a principal without a name may hold is counted per session.

mod held;
mod purse;
mod record;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mcpg_cluster::{Clock, Error, ErrorKind, Expect, Key, KeyValue, Result, Version};
use parking_lot::Mutex;

pub(crate) use self::held::Held;
use self::purse::Purse;
use self::record::{BudgetRecord, Share};
use crate::owner::{BootId, Judge, OwnerPair};
use crate::store::{Stored, WriteError, Writer};

const SCOPE: &str = "budget";
const ATTEMPTS: u32 = 16;
/// The largest chunk, and how many of them a small budget is divided into.
const LARGEST_CHUNK: u64 = 1024 * 1024;
const LEAST_CHUNKS: u64 = 16;
/// What part of a chunk is not recorded.
const FREE: u64 = 4;
/// How long a refusal is repeated without asking again.
const REFUSED_FOR: Duration = Duration::from_secs(1);

/// How the bytes of streams are counted.
#[derive(Clone, Debug)]
pub(crate) struct BudgetConfig {
    /// This boot of this replica.
    pub(crate) boot: BootId,
    /// How much the streams of one principal may hold.
    pub(crate) bytes_per_principal: u64,
    /// How long a record lives after its last write.
    pub(crate) ttl: Duration,
    /// How long the bytes of a stream count after its end.
    pub(crate) linger: Duration,
}

/// The streams of a principal hold as much as they may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OverBudget;

/// The budgets of all principals as one replica sees them. Clones are the same.
#[derive(Clone)]
pub(crate) struct Budgets {
    inner: Arc<Inner>,
}

struct Inner {
    key_value: Arc<dyn KeyValue>,
    judge: Arc<dyn Judge>,
    clock: Arc<dyn Clock>,
    config: BudgetConfig,
    purses: Mutex<BTreeMap<String, Purse>>,
}

impl std::fmt::Debug for Budgets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Budgets")
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}

impl Budgets {
    pub(crate) fn new(
        key_value: Arc<dyn KeyValue>,
        judge: Arc<dyn Judge>,
        clock: Arc<dyn Clock>,
        config: BudgetConfig,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                key_value,
                judge,
                clock,
                config,
                purses: Mutex::default(),
            }),
        }
    }

    /// Begins to count a stream of the session with this name, which starts with its principal unless anonymous.
    pub(crate) fn hold(&self, session: &str) -> Held {
        let principal = session
            .rsplit_once('/')
            .map_or(session, |(principal, _)| principal);
        Held::new(self.clone(), principal.to_owned())
    }

    /// Gives back what is not needed any more and keeps the records alive of what is. Asks nobody where there is nothing
    /// to do. What fails is tried again the next time.
    pub(crate) async fn tend(&self, writer: &Writer) {
        let now = self.inner.clock.now();
        let due: Vec<String> = {
            let (config, mut purses) = (&self.inner.config, self.inner.purses.lock());
            let (chunk, free) = (config.chunk(), config.free());
            purses.retain(|_, purse| !purse.is_idle(now));
            let due = purses.iter_mut().filter_map(|(principal, purse)| {
                let is_due = purse.prepare(now, chunk, free, config.ttl / 4);
                is_due.then(|| principal.clone())
            });
            due.collect()
        };
        for principal in due {
            let _ = self.renew(&principal, writer).await;
        }
    }

    fn is_covered(&self, principal: &str) -> bool {
        let purses = self.inner.purses.lock();
        let free = self.inner.config.free();
        purses
            .get(principal)
            .is_none_or(|purse| purse.used <= purse.reserved.max(free))
    }

    /// Takes chunks until what is used is covered.
    async fn take(
        &self,
        principal: &str,
        writer: &Writer,
        owner: &OwnerPair,
    ) -> Result<std::result::Result<(), OverBudget>> {
        let now = self.inner.clock.now();
        if self.with(principal, |purse| {
            purse.refused_until.is_some_and(|until| now < until)
        }) {
            return Ok(Err(OverBudget));
        }
        self.with(principal, |purse| purse.owner = Some(owner.clone()));
        for attempt in 0..ATTEMPTS {
            if self.is_covered(principal) {
                return Ok(Ok(()));
            }
            let stored = writer.read::<BudgetRecord>(&key(principal)).await?;
            let (mut record, version) = split(stored);
            let Some(bytes) = self.share(principal, &mut record).await? else {
                if self.is_current(principal, version).await? {
                    self.with(principal, |purse| purse.refused_until = Some(now + REFUSED_FOR));
                    return Ok(Err(OverBudget));
                }
                continue;
            };
            if self.write(principal, writer, record, version, bytes).await? {
                continue;
            }
            tokio::time::sleep(Duration::from_millis(1 << attempt.min(6))).await;
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            "too many changes in a row of a budget met another writer",
        ))
    }

    /// How much this replica is to have now, where that leaves enough to the others; the record loses what dead replicas
    /// had where there is too little.
    async fn share(&self, principal: &str, record: &mut BudgetRecord) -> Result<Option<u64>> {
        let config = &self.inner.config;
        let used = self.with(principal, |purse| purse.used);
        let fits = |record: &BudgetRecord| {
            let room = config
                .bytes_per_principal
                .saturating_sub(record.others(&config.boot));
            let wanted = used
                .div_ceil(config.chunk())
                .saturating_mul(config.chunk())
                .min(room);
            (wanted >= used).then_some(wanted)
        };
        if let Some(bytes) = fits(record) {
            return Ok(Some(bytes));
        }
        for (boot, owner) in record.owners() {
            if boot != config.boot && self.inner.judge.is_dead(&owner).await? {
                record.shares.remove(&boot);
            }
        }
        Ok(fits(record))
    }

    /// Whether a record that leaves no room is what stands there: a read may be old.
    async fn is_current(&self, principal: &str, version: Option<Version>) -> Result<bool> {
        let Some(version) = version else {
            return Ok(true);
        };
        let (key, ttl) = (key(principal), self.inner.config.ttl);
        match self.inner.key_value.touch(&key, ttl, version).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes what is needed here by now, as far as there is room: others may have found this replica dead meanwhile.
    async fn renew(&self, principal: &str, writer: &Writer) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let stored = writer.read::<BudgetRecord>(&key(principal)).await?;
            let (record, version) = split(stored);
            let (chunk, free) = (self.inner.config.chunk(), self.inner.config.free());
            let needed = self.with(principal, |purse| purse.needs(chunk, free));
            let others = record.others(&self.inner.config.boot);
            let bytes = needed.min(self.inner.config.bytes_per_principal.saturating_sub(others));
            if bytes == 0 && !record.shares.contains_key(&self.inner.config.boot) {
                self.with(principal, |purse| purse.is_settled = true);
                return Ok(());
            }
            if self.write(principal, writer, record, version, bytes).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Writes this replica's share once; whether it stands.
    async fn write(
        &self,
        principal: &str,
        writer: &Writer,
        mut record: BudgetRecord,
        version: Option<Version>,
        bytes: u64,
    ) -> Result<bool> {
        let Inner { config, clock, .. } = &*self.inner;
        let owner = self.with(principal, |purse| {
            purse.is_settled = false;
            purse.owner.clone()
        });
        match owner.filter(|_| bytes > 0) {
            Some(owner) => record.shares.insert(config.boot.clone(), Share { owner, bytes }),
            None => record.shares.remove(&config.boot),
        };
        let expect = version.map_or(Expect::Absent, Expect::Version);
        let sent = clock.now();
        let written = writer
            .write(&key(principal), record, expect, Some(config.ttl))
            .await;
        match written {
            Ok(stored) => {
                let bytes = stored.record.of(&config.boot);
                self.with(principal, |purse| purse.stands(bytes, stored.version, sent));
                Ok(true)
            }
            Err(WriteError::Conflict(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn with<T>(&self, principal: &str, change: impl FnOnce(&mut Purse) -> T) -> T {
        let mut purses = self.inner.purses.lock();
        change(purses.entry(principal.to_owned()).or_default())
    }
}

impl BudgetConfig {
    fn chunk(&self) -> u64 {
        (self.bytes_per_principal / LEAST_CHUNKS).clamp(1, LARGEST_CHUNK)
    }

    fn free(&self) -> u64 {
        self.chunk() / FREE
    }
}

fn key(principal: &str) -> Key {
    Key::new(SCOPE, principal.to_owned())
}

fn split(stored: Option<Stored<BudgetRecord>>) -> (BudgetRecord, Option<Version>) {
    stored.map_or_else(Default::default, |stored| (stored.record, Some(stored.version)))
}

#[cfg(test)]
mod tests;
