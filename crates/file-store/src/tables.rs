//! The tables of one transaction, and what a change does to them.

use mcpg_cluster::{Error, ErrorKind, Expect, Result, Version};
use redb::{ReadableTable as _, Table, WriteTransaction};

use crate::clock::WallClock;
use crate::jobs::{Change, Job};
use crate::layout::{ENTRIES, EXPIRIES, LAST_VERSION, NUMBERS, Stored, key_of};

/// The tables of one transaction.
pub(crate) struct Tables<'t> {
    entries: Table<'t, &'static [u8], &'static [u8]>,
    expiries: Table<'t, (u64, &'static [u8]), ()>,
    numbers: Table<'t, &'static str, u64>,
    last_version: u64,
}

impl<'t> Tables<'t> {
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        let numbers = transaction.open_table(NUMBERS)?;
        let last_version = numbers.get(LAST_VERSION)?.map_or(0, |number| number.value());
        Ok(Self {
            entries: transaction.open_table(ENTRIES)?,
            expiries: transaction.open_table(EXPIRIES)?,
            numbers,
            last_version,
        })
    }

    /// Writes the counter along with what was counted.
    pub(crate) fn keep_version(&mut self) -> Result<(), redb::Error> {
        self.numbers.insert(LAST_VERSION, self.last_version)?;
        Ok(())
    }

    /// Makes one change; the outer error is the disk's, the inner one is for whoever asked.
    pub(crate) fn apply(&mut self, clock: &WallClock, job: &Job) -> Result<Result<Version>, redb::Error> {
        let (now, key) = (clock.now(), key_of(&job.key));
        let bytes = self
            .entries
            .get(key.as_slice())?
            .map(|found| found.value().to_vec());
        let former = match bytes.as_deref().map(Stored::decode).transpose() {
            Ok(former) => former,
            Err(error) => return Ok(Err(error)),
        };
        let live = former.filter(|former| former.is_live(now));
        if let Err(error) = check_expected(job, live.map(|live| live.version)) {
            return Ok(Err(error));
        }
        if let Some(expires_at) = former.and_then(|former| former.expires_at) {
            self.expiries.remove((expires_at, key.as_slice()))?;
        }
        let next = match &job.change {
            Change::Put { value, ttl, .. } => {
                self.last_version += 1;
                Stored {
                    version: Version::new(self.last_version),
                    expires_at: ttl.map(|ttl| WallClock::expiry(now, ttl)),
                    value,
                }
            }
            Change::Touch { ttl, expect } => Stored {
                version: *expect,
                expires_at: Some(WallClock::expiry(now, *ttl)),
                value: live.map_or(&[], |live| live.value),
            },
            Change::Delete { .. } => {
                self.entries.remove(key.as_slice())?;
                return Ok(Ok(Version::new(0)));
            }
        };
        if let Some(expires_at) = next.expires_at {
            self.expiries.insert((expires_at, key.as_slice()), ())?;
        }
        self.entries.insert(key.as_slice(), next.encode().as_slice())?;
        Ok(Ok(next.version))
    }

    /// The keys of at most so many entries that have expired.
    pub(crate) fn expired(&self, now: u64, most: usize) -> Result<Vec<(u64, Vec<u8>)>, redb::Error> {
        let mut due = Vec::new();
        // The empty key is below all others of its moment, so what expires right now is left to the next time.
        for found in self.expiries.range(..(now, [].as_slice()))?.take(most) {
            let (moment, _) = found?;
            let (expires_at, key) = moment.value();
            due.push((expires_at, key.to_vec()));
        }
        Ok(due)
    }

    /// Removes an entry that has expired.
    pub(crate) fn remove_expired(&mut self, expires_at: u64, key: &[u8]) -> Result<(), redb::Error> {
        self.expiries.remove((expires_at, key))?;
        self.entries.remove(key)?;
        Ok(())
    }
}

fn check_expected(job: &Job, present: Option<Version>) -> Result<()> {
    let expect = match &job.change {
        Change::Put { expect, .. } | Change::Delete { expect } => *expect,
        Change::Touch { expect, .. } => Expect::Version(*expect),
    };
    let message = match (expect, present) {
        (Expect::Any, _) | (Expect::Absent, None) => return Ok(()),
        (Expect::Version(expected), Some(version)) if expected == version => return Ok(()),
        (Expect::Absent, Some(_)) => "the key is present",
        (Expect::Version(_), None) => "the key is absent",
        (Expect::Version(_), Some(_)) => "the key has another version",
    };
    Err(Error::new(ErrorKind::Conflict, message).with_context("key", job.key.to_string()))
}
