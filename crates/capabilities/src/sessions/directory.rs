//! Creating, using and changing sessions.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use mcpg_cluster::{Clock, ErrorKind, Expect, Key, KeyValue, Support};
use tokio_util::task::TaskTracker;

use mcpg_metrics::table::SESSIONS_CREATED;

use super::cache::Cache;
use super::closing::{Closer, ClosingIndex};
use super::error::SessionError;
use super::id::SessionId;
use super::record::{SessionRecord, SessionState};
use crate::incarnation::Incarnation;
use crate::mac::MacKey;
use crate::principal::Principal;
use crate::store::{Record, Stored, WriteError, Writer};
use crate::view::View;
use crate::weakness::{self, Weakness};

/// How long a write is tried to be settled before its outcome is reported as unknown.
pub(super) const WRITE_PATIENCE: Duration = Duration::from_secs(5);
/// How often a change is tried against other writers of the same session.
pub(super) const ATTEMPTS: usize = 64;
const SCOPE: &str = "sessions";

/// How sessions live.
#[derive(Clone, Debug)]
pub struct SessionsConfig {
    /// A session unused for this long expires (at the latest after 1.25 times this).
    pub idle_timeout: Duration,
    /// How many living sessions this replica mints at the most.
    pub max_sessions: usize,
}

/// What the directory is made of.
#[derive(Clone)]
pub struct SessionsParts {
    /// Where the records are.
    pub key_value: Arc<dyn KeyValue>,
    /// The deployment's key for ids.
    pub mac: MacKey,
    /// Whether what is remembered may be used.
    pub view: Arc<View>,
    /// Whether the coordinator still holds what it held.
    pub incarnation: Arc<Incarnation>,
    /// What the backend guarantees.
    pub support: Support,
    /// How sessions live.
    pub config: SessionsConfig,
}

/// The directory of client sessions.
pub struct Sessions {
    pub(super) parts: SessionsParts,
    pub(super) writer: Writer,
    pub(super) cache: Arc<Cache>,
    pub(super) closing: ClosingIndex,
    pub(super) closer: OnceLock<Arc<dyn Closer>>,
    /// Closes what closed sessions leave behind.
    pub(super) leftovers: TaskTracker,
}

/// How many sessions a replica knows of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionCounts {
    /// Those that it remembers.
    pub remembered: usize,
    /// Those that it minted and that may still live: they count against the limit.
    pub minted_here: usize,
}

/// A session that a request was admitted to.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Its id.
    pub id: SessionId,
    /// Its record.
    pub record: Arc<SessionRecord>,
    /// Whether the record was read for this request. One that was remembered may lack the latest change.
    pub is_current: bool,
}

pub(super) struct KeyValueHandle(pub(super) Arc<dyn KeyValue>);

impl std::fmt::Debug for KeyValueHandle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("KeyValue")
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Sessions")
            .field("config", &self.parts.config)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

impl Sessions {
    /// Opens the directory.
    pub fn new(parts: SessionsParts) -> Self {
        let ttl = record_ttl(parts.config.idle_timeout);
        let clock: Arc<dyn Clock> = Arc::clone(parts.view.clock());
        let writer = Writer::new(Arc::clone(&parts.key_value), WRITE_PATIENCE)
            .in_formats(Arc::clone(parts.view.formats()));
        let cache = Arc::new(Cache::new(clock, parts.config.idle_timeout, ttl));
        parts.view.listen(Arc::clone(&cache) as _);
        Self {
            closing: ClosingIndex::new(Arc::clone(&parts.key_value), writer.clone(), ttl),
            writer,
            closer: OnceLock::new(),
            leftovers: TaskTracker::new(),
            cache,
            parts,
        }
    }

    /// How long a record of a session lives after its last touch; what belongs to the session lives as long.
    pub fn record_ttl(&self) -> Duration {
        record_ttl(self.parts.config.idle_timeout)
    }

    /// How many sessions this replica knows of.
    pub fn counts(&self) -> SessionCounts {
        let (remembered, minted_here) = self.cache.counts();
        SessionCounts {
            remembered,
            minted_here,
        }
    }

    /// Creates a session of `principal`. When this returns, every replica can read its record.
    ///
    /// # Errors
    /// [`SessionError::Full`] at the limit, else why the record could not be written.
    pub async fn create(
        &self,
        principal: &Principal,
        record: SessionRecord,
    ) -> Result<(SessionId, Arc<SessionRecord>), SessionError> {
        self.require_trust()?;
        if self.cache.is_full(self.parts.config.max_sessions) {
            return Err(SessionError::Full);
        }
        let id = SessionId::mint(&self.parts.mac, principal);
        let ticket = self.cache.begin(id.name());
        let stored = self
            .writer
            .write(&key(&id), record, Expect::Absent, Some(self.record_ttl()))
            .await?;
        let record = Arc::new(stored.record);
        ticket.written(Arc::clone(&record), stored.version, true);
        SESSIONS_CREATED.count(&[]);
        Ok((id, record))
    }

    /// Admits a request of the session that `principal` calls `id`, and keeps the session alive.
    ///
    /// Freshness is looked at once, now: a request that is admitted is concurrent with every close that follows.
    ///
    /// # Errors
    /// [`SessionError::Unknown`] when this principal has no such session (any more), else why that cannot be told.
    pub async fn admit(&self, principal: &Principal, id: &str) -> Result<Admitted, SessionError> {
        let id = SessionId::verify(&self.parts.mac, principal, id).ok_or(SessionError::Unknown)?;
        self.admit_again(id).await
    }

    /// The same for a session that was admitted before.
    ///
    /// # Errors
    /// As for [`admit`](Self::admit).
    pub async fn admit_again(&self, id: SessionId) -> Result<Admitted, SessionError> {
        self.require_trust()?;
        if let Some(admitted) = self.remembered(&id) {
            return Ok(admitted);
        }
        // Boxed: what is rare must not make every request's future larger.
        Box::pin(self.look(id)).await
    }

    /// The record as it stands in the coordinator now.
    ///
    /// # Errors
    /// As for [`admit`](Self::admit).
    pub async fn current(&self, id: &SessionId) -> Result<Arc<SessionRecord>, SessionError> {
        let ticket = self.cache.begin(id.name());
        match self.read_for_certain(id).await? {
            Some(stored) if stored.record.state == SessionState::Open => {
                let record = Arc::new(stored.record);
                ticket.read(&record, stored.version);
                Ok(record)
            }
            Some(_) => Err(self.closed(id)),
            None => Err(self.absent(id).await),
        }
    }

    /// Changes the record of a session by compare-and-set; `change` may run several times and says whether it
    /// changed anything.
    ///
    /// # Errors
    /// [`SessionError::Unknown`] when the session is gone, else why the change was not made or is unknown.
    pub async fn change<F>(&self, id: &SessionId, mut change: F) -> Result<Arc<SessionRecord>, SessionError>
    where
        F: FnMut(&mut SessionRecord) -> bool,
    {
        let mut stored = self.start_of_change(id).await?;
        for attempt in 0..ATTEMPTS {
            let Stored { record, version } = match stored {
                Some(stored) if stored.record.state == SessionState::Open => stored,
                Some(_) => return Err(self.closed(id)),
                None => return Err(self.absent(id).await),
            };
            let mut next = record.clone();
            if !change(&mut next) {
                return Ok(Arc::new(record));
            }
            let ticket = self.cache.begin(id.name());
            match self
                .writer
                .write(&key(id), next, Expect::Version(version), Some(self.record_ttl()))
                .await
            {
                Ok(written) => {
                    let record = Arc::new(written.record);
                    ticket.written(Arc::clone(&record), written.version, false);
                    return Ok(record);
                }
                Err(WriteError::Conflict(other)) => stored = self.after_conflict(id, other, attempt).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(SessionError::Broken(format!(
            "{ATTEMPTS} changes in a row met another writer"
        )))
    }

    /// The record that a change starts from: what is remembered will do, since the write compares its version.
    async fn start_of_change(&self, id: &SessionId) -> Result<Option<Stored<SessionRecord>>, SessionError> {
        if let Some(known) = self.cache.known(id.name()) {
            return Ok(Some(Stored {
                record: SessionRecord::clone(&known.record),
                version: known.version,
            }));
        }
        self.read_for_certain(id).await
    }

    fn remembered(&self, id: &SessionId) -> Option<Admitted> {
        if !self.parts.view.is_fresh() {
            return None;
        }
        let record = self.cache.usable(id.name())?;
        Some(Admitted {
            id: id.clone(),
            record,
            is_current: false,
        })
    }

    /// Decides by a read that is sent now, and by a touch where the last one is too long ago, where the read may be
    /// old, or where the session is to be remembered.
    async fn look(&self, id: SessionId) -> Result<Admitted, SessionError> {
        let place = key(&id);
        let mut attempt = 0;
        loop {
            if attempt > 0 {
                self.wait_for_newer_reads(attempt).await;
            }
            attempt += 1;
            let ticket = self.cache.begin(id.name());
            let entry = self
                .parts
                .key_value
                .get(&place)
                .await
                .map_err(WriteError::<SessionRecord>::from_read)?;
            let Some(entry) = entry else {
                if self.is_surely_absent(&id).await? {
                    return Err(self.absent(&id).await);
                }
                continue;
            };
            let known = self.cache.known(id.name());
            let record = match &known {
                Some(known) if known.version == entry.version => Arc::clone(&known.record),
                _ => Arc::new(SessionRecord::decode(&entry.value)?),
            };
            if record.state == SessionState::Closing {
                return Err(self.closed(&id));
            }
            let admitted = Admitted {
                id: id.clone(),
                record: Arc::clone(&record),
                is_current: true,
            };
            if weakness::has(Weakness::ReadsAreEnough) {
                ticket.written(record, entry.version, false);
                return Ok(admitted);
            }
            let touched_lately = known.is_some_and(|known| self.cache.is_recent(known.touched));
            if touched_lately && self.parts.support.stale_reads.is_zero() {
                ticket.read(&record, entry.version);
                return Ok(admitted);
            }
            let touch = self
                .parts
                .key_value
                .touch(&place, self.record_ttl(), entry.version);
            match touch.await {
                Ok(version) => {
                    ticket.written(record, version, false);
                    return Ok(admitted);
                }
                // Somebody wrote or touched the record since it was read, or it has just expired: look again.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                // A touch that nobody answered may have been made or not: neither harms a session that was read.
                Err(error)
                    if error.kind() == ErrorKind::Indeterminate
                        && self.parts.support.stale_reads.is_zero() =>
                {
                    return Ok(admitted);
                }
                Err(error) => return Err(WriteError::<SessionRecord>::from_read(error).into()),
            }
        }
    }

    pub(super) fn require_trust(&self) -> Result<(), SessionError> {
        self.parts
            .incarnation
            .require()
            .map_err(SessionError::Unavailable)
    }

    pub(super) fn closed(&self, id: &SessionId) -> SessionError {
        self.cache.forget(id.name());
        SessionError::Unknown
    }
}

pub(super) fn record_ttl(idle_timeout: Duration) -> Duration {
    idle_timeout + idle_timeout / 4
}

pub(super) fn key(id: &SessionId) -> Key {
    Key::new(SCOPE, Bytes::copy_from_slice(id.name().as_bytes()))
}
