//! Writes that are settled: applied, refused, or honestly unknown.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mcpg_cluster::{Error, ErrorKind, Expect, Key, KeyValue, Version};
use mcpg_metrics::table::UNDECIDED_WRITES;
use tokio::time::Instant;

use super::formats::Formats;
use super::nonces::Nonce;
use super::record::{FormatError, Record};

/// How long the first pause before a write or read is repeated is; it doubles up to [`LONGEST_PAUSE`].
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(10);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_millis(500);

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
    pub(super) key_value: Arc<dyn KeyValue>,
    pub(super) patience: Duration,
    formats: Arc<Formats>,
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
        Self {
            key_value,
            patience,
            formats: Arc::default(),
        }
    }

    /// The same, but writing the layout that `formats` says.
    #[must_use]
    pub fn in_formats(self, formats: Arc<Formats>) -> Self {
        Self { formats, ..self }
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
        record: R,
        expect: Expect,
        ttl: Option<Duration>,
    ) -> Result<Stored<R>, WriteError<R>> {
        let written = self.write_and_settle(key, record, expect, ttl).await;
        if let Err(WriteError::Indeterminate(_)) = &written {
            UNDECIDED_WRITES.count(&[]);
        }
        written
    }

    async fn write_and_settle<R: Record>(
        &self,
        key: &Key,
        mut record: R,
        expect: Expect,
        ttl: Option<Duration>,
    ) -> Result<Stored<R>, WriteError<R>> {
        let nonce = Nonce::fresh();
        record.nonces_mut().push(nonce);
        let bytes = Bytes::from(record.encode(self.formats.written())?);
        let deadline = Instant::now() + self.patience;
        let mut pause = FIRST_PAUSE;
        let mut unknown = false;
        loop {
            let error = match self.key_value.put(key, bytes.clone(), expect, ttl).await {
                Ok(version) => return Ok(Stored { record, version }),
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::Conflict => {
                    return self.after_conflict(key, nonce, expect, unknown, deadline).await;
                }
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

    /// A conflict may be with an earlier copy of this very write, which only a read tells that is not older than the
    /// conflict. Without one the outcome is unknown.
    async fn after_conflict<R: Record>(
        &self,
        key: &Key,
        nonce: Nonce,
        expect: Expect,
        unknown: bool,
        deadline: Instant,
    ) -> Result<Stored<R>, WriteError<R>> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.read::<R>(key).await {
                Ok(Some(stored)) if stored.record.nonces().contains(nonce) => return Ok(stored),
                Ok(stored) if is_from_before(stored.as_ref(), expect) => {}
                // An earlier copy may have been applied and overwritten more than eight times since.
                Ok(_) if unknown => return Err(unsettled()),
                Ok(stored) => return Err(WriteError::Conflict(stored)),
                Err(WriteError::Unavailable(_)) => {}
                Err(error) => return Err(error),
            }
            if Instant::now() + pause >= deadline {
                return Err(unsettled());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
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
            // A version below the expected one was read from an older state: sending the write again tells.
            (Some(stored), Expect::Version(expected)) if stored.version <= expected => Settled::NotYet,
            (None, Expect::Absent) => Settled::NotYet,
            (other, _) => Settled::MovedOn(other),
        })
    }
}

fn unsettled<R>() -> WriteError<R> {
    WriteError::Indeterminate(Error::new(
        ErrorKind::Indeterminate,
        "the record moved on before the write was settled",
    ))
}

/// Whether what was read after a conflict is surely older than the conflict: versions only grow, and what was expected
/// no longer stood there.
fn is_from_before<R>(stored: Option<&Stored<R>>, expect: Expect) -> bool {
    match (stored, expect) {
        (Some(stored), Expect::Version(expected)) => stored.version <= expected,
        (None, Expect::Absent) => true,
        _ => false,
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

impl<R> From<WriteError<R>> for Error {
    fn from(error: WriteError<R>) -> Self {
        match error {
            WriteError::Conflict(_) => {
                Self::new(ErrorKind::Conflict, "another replica wrote the record first")
            }
            WriteError::Unavailable(error)
            | WriteError::Indeterminate(error)
            | WriteError::Refused(error) => error,
            WriteError::Format(error) => Self::new(ErrorKind::Internal, error.to_string()),
        }
    }
}
