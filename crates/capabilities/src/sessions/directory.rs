//! Creating, using, changing and closing sessions.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mcpg_cluster::{ErrorKind, Expect, Key, KeyValue};
use tokio::time::Instant;

use super::error::SessionError;
use super::id::SessionId;
use super::record::{SessionRecord, SessionState};
use super::seen::SeenSessions;
use crate::mac::MacKey;
use crate::store::{Record, Stored, WriteError, Writer};

/// How long a write is tried to be settled before its outcome is reported as unknown.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);
/// How often a change is tried against other writers of the same session.
const CHANGE_ATTEMPTS: usize = 64;
const SCOPE: &str = "sessions";

/// How sessions live.
#[derive(Clone, Debug)]
pub struct SessionsConfig {
    /// A session unused for this long expires (at the latest after 1.25 times this).
    pub idle_timeout: Duration,
    /// How many living sessions this replica mints at the most.
    pub max_sessions: usize,
}

/// The directory of client sessions.
#[derive(Debug)]
pub struct Sessions {
    key_value: KeyValueHandle,
    writer: Writer,
    mac: MacKey,
    config: SessionsConfig,
    seen: SeenSessions,
}

struct KeyValueHandle(Arc<dyn KeyValue>);

impl std::fmt::Debug for KeyValueHandle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("KeyValue")
    }
}

impl Sessions {
    /// Opens the directory that lives in `key_value`.
    pub fn new(key_value: Arc<dyn KeyValue>, mac: MacKey, config: SessionsConfig) -> Self {
        let writer = Writer::new(Arc::clone(&key_value), WRITE_PATIENCE);
        let seen = SeenSessions::new(record_ttl(config.idle_timeout));
        Self {
            key_value: KeyValueHandle(key_value),
            writer,
            mac,
            config,
            seen,
        }
    }

    /// Creates a session. When this returns, every replica can read its record.
    ///
    /// # Errors
    /// [`SessionError::Full`] at the limit, else why the record could not be written.
    pub async fn create(
        &self,
        record: SessionRecord,
    ) -> Result<(SessionId, Arc<SessionRecord>), SessionError> {
        if self.seen.minted() >= self.config.max_sessions {
            self.seen.sweep();
            if self.seen.minted() >= self.config.max_sessions {
                return Err(SessionError::Full);
            }
        }
        let id = SessionId::mint(&self.mac);
        let sent = Instant::now();
        let stored = self
            .writer
            .write(&key(&id), record, Expect::Absent, Some(self.ttl()))
            .await?;
        let record = Arc::new(stored.record);
        self.seen
            .remember(&id, sent, true, Arc::clone(&record), stored.version);
        Ok((id, record))
    }

    /// Admits a request of the session that the client calls `id`, and keeps the session alive.
    ///
    /// # Errors
    /// [`SessionError::Unknown`] when there is no such session (any more), else why that cannot be told.
    pub async fn admit(&self, id: &str) -> Result<(SessionId, Arc<SessionRecord>), SessionError> {
        let id = SessionId::verify(&self.mac, id).ok_or(SessionError::Unknown)?;
        loop {
            let entry = self
                .key_value
                .0
                .get(&key(&id))
                .await
                .map_err(WriteError::<SessionRecord>::from_read)?;
            let Some(entry) = entry else {
                self.seen.forget(&id);
                return Err(SessionError::Unknown);
            };
            let (record, touched) = match self.seen.recall(&id, entry.version) {
                Some((record, touched)) => (record, Some(touched)),
                None => (
                    Arc::new(SessionRecord::decode(&entry.value)?),
                    self.seen.touched(&id),
                ),
            };
            if record.state == SessionState::Closing {
                self.seen.forget(&id);
                return Err(SessionError::Unknown);
            }
            let quarter = self.config.idle_timeout / 4;
            if let Some(touched) = touched.filter(|touched| touched.elapsed() < quarter) {
                self.seen
                    .remember(&id, touched, false, Arc::clone(&record), entry.version);
                return Ok((id, record));
            }
            let sent = Instant::now();
            match self.key_value.0.touch(&key(&id), self.ttl(), entry.version).await {
                Ok(version) => {
                    self.seen.remember(&id, sent, false, Arc::clone(&record), version);
                    return Ok((id, record));
                }
                // Somebody wrote the record since it was read, or it has just expired: look again.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(WriteError::<SessionRecord>::from_read(error).into()),
            }
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
        let mut stored = self.writer.read::<SessionRecord>(&key(id)).await?;
        for _ in 0..CHANGE_ATTEMPTS {
            let Stored { record, version } = self.require_open(id, stored)?;
            let mut next = record.clone();
            if !change(&mut next) {
                return Ok(Arc::new(record));
            }
            let sent = Instant::now();
            match self
                .writer
                .write(&key(id), next, Expect::Version(version), Some(self.ttl()))
                .await
            {
                Ok(written) => {
                    let record = Arc::new(written.record);
                    self.seen
                        .remember(id, sent, false, Arc::clone(&record), written.version);
                    return Ok(record);
                }
                Err(WriteError::Conflict(other)) => stored = other,
                Err(error) => return Err(error.into()),
            }
        }
        Err(SessionError::Broken(format!(
            "{CHANGE_ATTEMPTS} changes in a row met another writer"
        )))
    }

    /// Closes a session for good and returns its last record, which names what must be closed elsewhere.
    ///
    /// Of several callers exactly one gets the record; the others get [`SessionError::Unknown`].
    ///
    /// # Errors
    /// [`SessionError::Unknown`] when it is gone already, else why that could not be settled.
    pub async fn close(&self, id: &str) -> Result<(SessionId, SessionRecord), SessionError> {
        let id = SessionId::verify(&self.mac, id).ok_or(SessionError::Unknown)?;
        let mut stored = self.writer.read::<SessionRecord>(&key(&id)).await?;
        for _ in 0..CHANGE_ATTEMPTS {
            let Stored { record, version } = self.require_open(&id, stored)?;
            let mut tombstone = record.clone();
            tombstone.state = SessionState::Closing;
            // The tombstone lives as long as the session would have: longer than any write may be resent.
            match self
                .writer
                .write(&key(&id), tombstone, Expect::Version(version), Some(self.ttl()))
                .await
            {
                Ok(_) => {
                    self.seen.forget(&id);
                    return Ok((id, record));
                }
                Err(WriteError::Conflict(other)) => stored = other,
                Err(error) => return Err(error.into()),
            }
        }
        Err(SessionError::Broken(format!(
            "{CHANGE_ATTEMPTS} closes in a row met another writer"
        )))
    }

    fn require_open(
        &self,
        id: &SessionId,
        stored: Option<Stored<SessionRecord>>,
    ) -> Result<Stored<SessionRecord>, SessionError> {
        match stored {
            Some(stored) if stored.record.state == SessionState::Open => Ok(stored),
            _ => {
                self.seen.forget(id);
                Err(SessionError::Unknown)
            }
        }
    }

    fn ttl(&self) -> Duration {
        record_ttl(self.config.idle_timeout)
    }
}

fn record_ttl(idle_timeout: Duration) -> Duration {
    idle_timeout + idle_timeout / 4
}

fn key(id: &SessionId) -> Key {
    Key::new(SCOPE, Bytes::copy_from_slice(id.as_str().as_bytes()))
}
