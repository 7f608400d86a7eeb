//! Reads that must not be mistaken: where the coordinator may show an older state, "not found" is no answer yet.

use std::time::Duration;

use mcpg_cluster::Expect;

use super::directory::{Sessions, key};
use super::error::SessionError;
use super::id::SessionId;
use super::record::SessionRecord;
use crate::store::{Stored, WriteError};

/// The first pause before a read is repeated that may have been too old; it doubles up to 64 times as long, so that
/// all attempts of a change together outlast every declared staleness.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

impl Sessions {
    /// Reads the record until it is there or surely absent.
    pub(super) async fn read_for_certain(
        &self,
        id: &SessionId,
    ) -> Result<Option<Stored<SessionRecord>>, SessionError> {
        let mut attempt = 0;
        loop {
            let stored = self.writer.read::<SessionRecord>(&key(id)).await?;
            if stored.is_some() || self.is_surely_absent(id).await? {
                return Ok(stored);
            }
            attempt += 1;
            self.wait_for_newer_reads(attempt).await;
        }
    }

    /// What a write that met another writer goes on from. Where reads may be old, what was read after the conflict may
    /// still be what was there before it.
    pub(super) async fn after_conflict(
        &self,
        id: &SessionId,
        other: Option<Stored<SessionRecord>>,
        attempt: usize,
    ) -> Result<Option<Stored<SessionRecord>>, SessionError> {
        if self.parts.support.stale_reads.is_zero() {
            return Ok(other);
        }
        self.wait_for_newer_reads(attempt).await;
        self.read_for_certain(id).await
    }

    /// A pause that only a coordinator needs whose reads may be old.
    pub(super) async fn wait_for_newer_reads(&self, attempt: usize) {
        if !self.parts.support.stale_reads.is_zero() {
            let doublings = u32::try_from(attempt).unwrap_or(u32::MAX).min(6);
            tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(doublings)).await;
        }
    }

    /// Where reads may be old, "not found" is confirmed by a write that fails if the record exists: a tombstone of the
    /// shortest life.
    pub(super) async fn is_surely_absent(&self, id: &SessionId) -> Result<bool, SessionError> {
        if self.parts.support.stale_reads.is_zero() {
            return Ok(true);
        }
        let marker = SessionRecord::tombstone();
        let ttl = self.parts.support.min_ttl;
        match self
            .writer
            .write(&key(id), marker, Expect::Absent, Some(ttl))
            .await
        {
            Ok(_) => Ok(true),
            Err(WriteError::Conflict(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// What it means that there is no record. Before a client is told so, it is made sure that the coordinator did not
    /// lose everything: that is an accident to be dealt with, not the end of one session.
    pub(super) async fn absent(&self, id: &SessionId) -> SessionError {
        self.cache.forget(id.name());
        match self.parts.incarnation.compare().await {
            Ok(_) => SessionError::Unknown,
            Err(error) => WriteError::<SessionRecord>::from_read(error).into(),
        }
    }
}
