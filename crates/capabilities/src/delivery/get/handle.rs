//! What all steps of the GET streams share.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mcpg_cluster::{Expect, Key, KeyValue};

use super::GetError;
use super::holder::Living;
use super::record::GetRecord;
use super::sweep::Adopter;
use crate::delivery::{Bodies, LogLimits, Place as BodyPlace};
use crate::mac::MacKey;
use crate::owner::{BootId, Judge, OwnerPair};
use crate::store::{Formats, Stored, WriteError, Writer};

/// How often a step is tried against other writers of the same record.
pub(super) const ATTEMPTS: u32 = 64;

/// Gives way to other writers after an attempt that lost against one: a few times not at all, then longer.
pub(super) async fn give_way(attempt: u32) {
    if attempt >= 3 {
        tokio::time::sleep(Duration::from_millis(1 << attempt.min(8))).await;
    }
}

/// How the GET streams of sessions live.
#[derive(Clone, Debug)]
pub struct GetConfig {
    /// This boot of this replica.
    pub boot: BootId,
    /// How long a record lives after its last write: as long as the record of a session. The same on all replicas.
    pub record_ttl: Duration,
    /// How long a write is tried to be settled before its outcome is reported as unknown.
    pub patience: Duration,
    /// How old a read may be, as the coordinator's Support declares.
    pub stale_reads: Duration,
    /// The longest TTL that the coordinator takes.
    pub max_ttl: Option<Duration>,
    /// The largest value that the coordinator takes.
    pub max_value_bytes: usize,
    /// How much is kept of each stream, and how much waits for one.
    pub limits: LogLimits,
}

/// Who takes part in what becomes of GET streams.
#[derive(Clone)]
pub struct GetParts {
    /// Where the records are.
    pub key_value: Arc<dyn KeyValue>,
    /// Who says who is dead.
    pub judge: Arc<dyn Judge>,
    /// Who says whose streams still reach clients.
    pub living: Arc<dyn Living>,
    /// The deployment's key for ids.
    pub mac: MacKey,
}

/// The GET streams of legacy sessions.
#[derive(Clone)]
pub struct GetStreams {
    pub(super) parts: GetParts,
    pub(super) writer: Writer,
    pub(super) bodies: Bodies,
    pub(super) adopter: Arc<OnceLock<Arc<dyn Adopter>>>,
    pub(super) config: Arc<GetConfig>,
}

impl fmt::Debug for GetStreams {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("GetStreams")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// What became of one attempt to write.
pub(super) enum Wrote {
    Done(Stored<GetRecord>),
    /// Another writer was first; this is what stands there now.
    Other(Option<Stored<GetRecord>>),
}

impl GetStreams {
    /// Opens the streams that are recorded in `parts.key_value`.
    pub fn new(parts: GetParts, config: GetConfig) -> Self {
        let writer = Writer::new(Arc::clone(&parts.key_value), config.patience);
        Self::with(parts, writer, Arc::new(config))
    }

    fn with(parts: GetParts, writer: Writer, config: Arc<GetConfig>) -> Self {
        let bodies = Bodies::new(
            writer.clone(),
            Arc::clone(&parts.key_value),
            config.max_value_bytes,
            config.stale_reads,
        );
        Self {
            parts,
            writer,
            bodies,
            adopter: Arc::default(),
            config,
        }
    }

    /// The same, but writing the layout of records that `formats` says.
    #[must_use]
    pub fn in_formats(self, formats: Arc<Formats>) -> Self {
        let writer = self.writer.in_formats(formats);
        let adopter = self.adopter;
        Self {
            adopter,
            ..Self::with(self.parts, writer, self.config)
        }
    }

    /// How long a record lives after its last write.
    pub fn record_ttl(&self) -> Duration {
        self.config.record_ttl
    }

    /// For what must outlive a record.
    pub(super) fn longer_ttl(&self) -> Duration {
        let ttl = self.config.record_ttl * 2;
        self.config.max_ttl.map_or(ttl, |longest| ttl.min(longest))
    }

    pub(super) async fn read(&self, key: &Key) -> Result<Option<Stored<GetRecord>>, GetError> {
        Ok(self.writer.read(key).await?)
    }

    /// Writes a record, and before it what is too large to stand in it.
    pub(super) async fn write(
        &self,
        session: &str,
        mut record: GetRecord,
        expect: Expect,
        writer: Option<&OwnerPair>,
    ) -> Result<Wrote, GetError> {
        let place = BodyPlace {
            session,
            token: writer.map_or(0, |writer| writer.token),
            // A record that is kept alive may name a body for longer than that: then the client is told of the loss.
            ttl: self.longer_ttl(),
        };
        let logs = record.streams.iter_mut().map(|stream| &mut stream.log);
        for log in logs.chain([&mut record.queue]) {
            let settled = self.bodies.settle(log, place).await;
            settled.map_err(GetError::harmless)?;
        }
        let ttl = Some(self.config.record_ttl);
        let written = self.writer.write(&super::key(session), record, expect, ttl).await;
        match written {
            Ok(stored) => Ok(Wrote::Done(stored)),
            Err(WriteError::Conflict(other)) => Ok(Wrote::Other(other)),
            Err(error) => Err(error.into()),
        }
    }
}
