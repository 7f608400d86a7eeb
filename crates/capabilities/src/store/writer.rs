//! Writes that are settled: applied, refused, or honestly unknown.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mcpg_cluster::{Error, ErrorKind, Expect, Key, KeyValue, Version};
use tokio::time::Instant;

use super::nonces::Nonce;
use super::record::{FormatError, Record};

/// How long the first pause before a write or read is repeated is; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// A record as it stands in the coordinator.
#[derive(Clone, Debug)]
pub struct Stored<R> {
    /// The record.
    pub record: R,
    /// Its version.
    pub version: Version,
}

/// Why a record was not written.
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError<R> {
    /// Another writer was first; this is what stands there now (`None`: nothing).
    Conflict(Option<Stored<R>>),
    /// The coordinator could not be reached and the write was surely not done.
    Unavailable(Error),
    /// Nobody knows whether the write was done. The caller must not act as if it had failed.
    Indeterminate(Error),
    /// The record cannot be read or written.
    Format(FormatError),
    /// The coordinator refused the write for good.
    Refused(Error),
}

impl<R> From<FormatError> for WriteError<R> {
    fn from(error: FormatError) -> Self {
        Self::Format(error)
    }
}

/// Reads and writes records of several writers.
///
/// Every write carries a fresh nonce. When its outcome is unknown, the record tells: the nonce is there - done; the
/// version is still the expected one - the same write is sent again; the version has moved on and the nonce is not
/// among the last eight - unknown, and said so.
#[derive(Clone)]
pub struct Writer {
    key_value: Arc<dyn KeyValue>,
    patience: Duration,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Writer")
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// What the record says about a write of unknown outcome.
enum Settled<R> {
    Done(Stored<R>),
    NotYet,
    MovedOn(Option<Stored<R>>),
}

impl Writer {
    /// Creates a writer that tries to settle a write for `patience` at the most.
    pub fn new(key_value: Arc<dyn KeyValue>, patience: Duration) -> Self {
        Self { key_value, patience }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`WriteError::Unavailable`], [`WriteError::Refused`] or [`WriteError::Format`].
    pub async fn read<R: Record>(&self, key: &Key) -> Result<Option<Stored<R>>, WriteError<R>> {
        let entry = self.key_value.get(key).await.map_err(WriteError::from_read)?;
        entry
            .map(|entry| {
                Ok(Stored {
                    record: R::decode(&entry.value)?,
                    version: entry.version,
                })
            })
            .transpose()
    }

    /// Writes `record` where `expect` holds, and settles the outcome.
    ///
    /// Returns what stands there afterwards: this record, or a later one that contains this write.
    ///
    /// # Errors
    /// [`WriteError`], each of which says what the caller may assume.
    pub async fn write<R: Record>(
        &self,
        key: &Key,
        mut record: R,
        expect: Expect,
        ttl: Option<Duration>,
    ) -> Result<Stored<R>, WriteError<R>> {
        let nonce = Nonce::fresh();
        record.nonces_mut().push(nonce);
        let bytes = Bytes::from(record.encode()?);
        let deadline = Instant::now() + self.patience;
        let mut pause = FIRST_PAUSE;
        let mut unknown = false;
        loop {
            let error = match self.key_value.put(key, bytes.clone(), expect, ttl).await {
                Ok(version) => return Ok(Stored { record, version }),
                Err(error) => error,
            };
            match error.kind() {
                // A conflict may be with an earlier copy of this very write: clients and networks resend.
                ErrorKind::Conflict => return self.after_conflict(key, nonce, unknown).await,
                ErrorKind::Indeterminate => {
                    unknown = true;
                    match self.settle(key, nonce, expect).await {
                        Ok(Settled::Done(stored)) => return Ok(stored),
                        Ok(Settled::MovedOn(_)) => return Err(WriteError::Indeterminate(error)),
                        Ok(Settled::NotYet) | Err(WriteError::Unavailable(_)) => {}
                        Err(other) => return Err(other),
                    }
                }
                ErrorKind::Unavailable => {}
                _ => return Err(WriteError::Refused(error)),
            }
            if Instant::now() + pause >= deadline {
                return Err(if unknown {
                    WriteError::Indeterminate(error)
                } else {
                    WriteError::Unavailable(error)
                });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn after_conflict<R: Record>(
        &self,
        key: &Key,
        nonce: Nonce,
        unknown: bool,
    ) -> Result<Stored<R>, WriteError<R>> {
        match self.read::<R>(key).await {
            Ok(Some(stored)) if stored.record.nonces().contains(nonce) => Ok(stored),
            // An earlier copy of this write may have been applied and overwritten more than eight times since.
            Ok(_) if unknown => Err(WriteError::Indeterminate(Error::new(
                ErrorKind::Indeterminate,
                "the record moved on before the write was settled",
            ))),
            Ok(other) => Err(WriteError::Conflict(other)),
            Err(WriteError::Unavailable(error)) if unknown => Err(WriteError::Indeterminate(error)),
            Err(error) => Err(error),
        }
    }

    async fn settle<R: Record>(
        &self,
        key: &Key,
        nonce: Nonce,
        expect: Expect,
    ) -> Result<Settled<R>, WriteError<R>> {
        let stored = self.read::<R>(key).await?;
        Ok(match (stored, expect) {
            (Some(stored), _) if stored.record.nonces().contains(nonce) => Settled::Done(stored),
            (Some(stored), Expect::Version(expected)) if stored.version == expected => Settled::NotYet,
            (None, Expect::Absent) => Settled::NotYet,
            (other, _) => Settled::MovedOn(other),
        })
    }
}

impl<R> WriteError<R> {
    /// What the error of a read means: a read has no outcome that matters, so unknown is as good as not done.
    pub fn from_read(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Unavailable | ErrorKind::Indeterminate => Self::Unavailable(error),
            _ => Self::Refused(error),
        }
    }
}
