//! What this replica remembers of sessions, and when it may use that without asking.
//!
//! An entry comes from a compare-and-set that this replica made - a touch or a change - never from a read alone, since
//! a read may be older than a closing that was heard of meanwhile. It counts for a quarter of the idle timeout from
//! just before that write was sent: a record that expires tells nobody. A closing that arrives while the write is on
//! its way makes its answer worthless.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mcpg_cluster::{Clock, Moment, Version};
use parking_lot::Mutex;

use super::record::SessionRecord;
use crate::view::Listener;
use crate::weakness::{self, Weakness};

/// After how many new entries the expired ones are thrown away.
const SWEEP_EVERY: usize = 1024;

/// The sessions that this replica remembers.
pub(super) struct Cache {
    clock: Arc<dyn Clock>,
    lifetime: Duration,
    usable: Duration,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<String, Remembered>,
    /// Writes and reads that are on their way, by session.
    on_their_way: HashMap<String, OnTheirWay>,
    /// Grows when everything was dropped.
    epoch: u64,
    /// The sessions minted here, and when each was last known to live.
    minted: HashMap<String, Moment>,
    since_sweep: usize,
}

#[derive(Default)]
struct OnTheirWay {
    count: usize,
    /// Grows with each closing of the session.
    closings: u64,
}

#[derive(Clone)]
struct Remembered {
    record: Arc<SessionRecord>,
    version: Version,
    /// Just before the last touch or change was sent.
    touched: Moment,
}

/// A session as it is remembered.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) record: Arc<SessionRecord>,
    pub(super) version: Version,
    pub(super) touched: Moment,
}

/// Stands for a read or write from before it is sent until its answer was dealt with.
pub(super) struct Ticket<'a> {
    cache: &'a Cache,
    session: String,
    epoch: u64,
    closings: u64,
    sent: Moment,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Cache")
            .field("entries", &self.inner.lock().entries.len())
            .finish_non_exhaustive()
    }
}

impl Cache {
    pub(super) fn new(clock: Arc<dyn Clock>, idle_timeout: Duration, lifetime: Duration) -> Self {
        Self {
            clock,
            lifetime,
            usable: idle_timeout / 4,
            inner: Mutex::default(),
        }
    }

    /// Begins a read or write of a session. Call it before the first byte is sent.
    pub(super) fn begin(&self, session: &str) -> Ticket<'_> {
        let mut inner = self.inner.lock();
        let epoch = inner.epoch;
        let on_its_way = inner.on_their_way.entry(session.to_owned()).or_default();
        on_its_way.count += 1;
        Ticket {
            cache: self,
            session: session.to_owned(),
            epoch,
            closings: on_its_way.closings,
            sent: self.clock.now(),
        }
    }

    /// What is remembered of a session, whether it may be used or not.
    pub(super) fn known(&self, session: &str) -> Option<Known> {
        let inner = self.inner.lock();
        let entry = inner.entries.get(session)?;
        Some(Known {
            record: Arc::clone(&entry.record),
            version: entry.version,
            touched: entry.touched,
        })
    }

    /// The record of a session that may be used as long as the view is fresh.
    pub(super) fn usable(&self, session: &str) -> Option<Arc<SessionRecord>> {
        let known = self.known(session)?;
        self.is_recent(known.touched).then_some(known.record)
    }

    /// Whether a touch that was sent at `touched` still counts.
    pub(super) fn is_recent(&self, touched: Moment) -> bool {
        self.clock.now().saturating_since(touched) < self.usable || weakness::has(Weakness::EntriesNeverAge)
    }

    /// Whether `limit` sessions that were minted here may still live.
    pub(super) fn is_full(&self, limit: usize) -> bool {
        let mut inner = self.inner.lock();
        if inner.minted.len() >= limit {
            inner.sweep(self.clock.now(), self.lifetime);
        }
        inner.minted.len() >= limit
    }

    /// How many sessions are remembered, and how many that were minted here may still live.
    pub(super) fn counts(&self) -> (usize, usize) {
        let mut inner = self.inner.lock();
        inner.sweep(self.clock.now(), self.lifetime);
        (inner.entries.len(), inner.minted.len())
    }

    /// Forgets a session that is gone.
    pub(super) fn forget(&self, session: &str) {
        self.inner.lock().forget(session);
    }
}

impl Ticket<'_> {
    /// A touch or change that was sent after this ticket was made has succeeded.
    pub(super) fn written(self, record: Arc<SessionRecord>, version: Version, minted_here: bool) {
        let mut inner = self.cache.inner.lock();
        if self.is_void(&inner) {
            return;
        }
        if minted_here || inner.minted.contains_key(&self.session) {
            inner.minted.insert(self.session.clone(), self.sent);
        }
        let entry = Remembered {
            record,
            version,
            touched: self.sent,
        };
        inner.entries.insert(self.session.clone(), entry);
        inner.since_sweep += 1;
        if inner.since_sweep >= SWEEP_EVERY {
            inner.sweep(self.cache.clock.now(), self.cache.lifetime);
        }
    }

    /// A read has shown this content. It renews what is remembered, and makes nothing usable that was not.
    pub(super) fn read(self, record: &Arc<SessionRecord>, version: Version) {
        let mut inner = self.cache.inner.lock();
        if self.is_void(&inner) {
            return;
        }
        if let Some(entry) = inner.entries.get_mut(&self.session)
            && version > entry.version
        {
            entry.record = Arc::clone(record);
            entry.version = version;
        }
    }

    fn is_void(&self, inner: &Inner) -> bool {
        let on_its_way = inner.on_their_way.get(&self.session);
        inner.epoch != self.epoch || on_its_way.is_none_or(|other| other.closings != self.closings)
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut inner = self.cache.inner.lock();
        if let Some(on_its_way) = inner.on_their_way.get_mut(&self.session) {
            on_its_way.count -= 1;
            if on_its_way.count == 0 {
                inner.on_their_way.remove(&self.session);
            }
        }
    }
}

impl Listener for Cache {
    fn closed(&self, session: &str) {
        let mut inner = self.inner.lock();
        inner.forget(session);
        if let Some(on_its_way) = inner.on_their_way.get_mut(session) {
            on_its_way.closings += 1;
        }
    }

    fn lost(&self) {
        let mut inner = self.inner.lock();
        inner.epoch += 1;
        inner.entries.clear();
    }
}

impl Inner {
    fn forget(&mut self, session: &str) {
        self.entries.remove(session);
        self.minted.remove(session);
    }

    fn sweep(&mut self, now: Moment, lifetime: Duration) {
        self.since_sweep = 0;
        self.entries
            .retain(|_, entry| now.saturating_since(entry.touched) < lifetime);
        self.minted
            .retain(|_, alive| now.saturating_since(*alive) < lifetime);
    }
}
