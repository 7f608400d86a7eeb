//! What the holder of a stream sees in the record.

use mcpg_cluster::{ErrorKind, Version};

use super::GetError;
use super::handle::GetStreams;
use super::holder::Holder;
use super::record::{GetRecord, State};
use crate::delivery::{Loaded, Logged};
use crate::owner::{BootId, OwnerPair};
use crate::store::Stored;

/// What is to be sent on a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What was said after the event that the client has.
    pub events: Vec<Logged>,
    /// How many events before them are gone: the client must be told.
    pub missed: u64,
    /// The number of the last event of the stream.
    pub last: u64,
    /// Whether it is the first stream of its session that a living replica holds.
    pub is_first: bool,
    /// Who held streams before this one when that was found out. When they are gone, this one may be the first.
    pub before: Vec<OwnerPair>,
    /// The version of the record.
    pub version: Version,
}

/// What a look at the record shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// The stream is attached to this connection.
    Attached(Seen),
    /// The client has come back elsewhere: this connection is to be closed.
    Displaced,
    /// The session was closed.
    Closed,
    /// No such stream stands: it may be attached again.
    Gone,
    /// The read was older than what it was to show: look again.
    Stale,
}

impl GetStreams {
    /// Reads what was said after the event with the number `after`, for the connection that holds the stream.
    ///
    /// # Errors
    /// Why the record could not be read.
    pub async fn look(
        &self,
        session: &str,
        stream: u64,
        holder: &Holder,
        after: u64,
        at_least: Option<Version>,
    ) -> Result<Look, GetError> {
        match self.read(&super::key(session)).await? {
            Some(stored) if Some(stored.version) < at_least => Ok(Look::Stale),
            Some(stored) => self.seen(session, &stored, stream, after, holder).await,
            None if !self.config.stale_reads.is_zero() => Ok(Look::Stale),
            None => Ok(Look::Gone),
        }
    }

    /// The replicas that hold streams of a session, with the version of the record that says so.
    ///
    /// # Errors
    /// Why the record could not be read.
    pub async fn holders(&self, session: &str) -> Result<Option<(Version, Vec<BootId>)>, GetError> {
        let stored = self.read(&super::key(session)).await?;
        Ok(stored.map(|stored| {
            let holders = stored.record.holders();
            (
                stored.version,
                holders.map(|holder| holder.boot.clone()).collect(),
            )
        }))
    }

    /// The same as [`look`](Self::look), and gives the record its full life again.
    ///
    /// # Errors
    /// Why the record could not be read or touched; it lives on for what is left of its TTL.
    pub async fn keep(
        &self,
        session: &str,
        stream: u64,
        holder: &Holder,
        after: u64,
        at_least: Option<Version>,
    ) -> Result<Look, GetError> {
        let mut look = self.look(session, stream, holder, after, at_least).await?;
        if let Look::Attached(seen) = &mut look
            && let Some(version) = self.touch(session, seen.version).await?
        {
            seen.version = version;
        }
        Ok(look)
    }

    /// Gives the record its full life again; `None` where somebody else has just written it, which does the same.
    pub(super) async fn touch(&self, session: &str, version: Version) -> Result<Option<Version>, GetError> {
        let (key, ttl) = (super::key(session), self.config.record_ttl);
        match self.parts.key_value.touch(&key, ttl, version).await {
            Ok(version) => Ok(Some(version)),
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(None),
            Err(error) => Err(GetError::harmless(error)),
        }
    }

    pub(super) async fn seen(
        &self,
        session: &str,
        stored: &Stored<GetRecord>,
        stream: u64,
        after: u64,
        holder: &Holder,
    ) -> Result<Look, GetError> {
        let record = &stored.record;
        if record.state == State::Closed {
            return Ok(Look::Closed);
        }
        let Some(at) = record.streams.iter().position(|known| known.id == stream) else {
            return Ok(Look::Gone);
        };
        let found = &record.streams[at];
        if found.holder.as_ref() != Some(holder) {
            return Ok(Look::Displaced);
        }
        let from = after.max(found.log.base());
        let pieces = found.log.after(from).unwrap_or_default();
        let last = found.log.last();
        let (events, missed) = match self
            .bodies
            .load(session, pieces)
            .await
            .map_err(GetError::harmless)?
        {
            Loaded::Events(events) => (events, from - after),
            Loaded::Missing => (Vec::new(), last.saturating_sub(after)),
            Loaded::Stale => return Ok(Look::Stale),
        };
        let before = self.living_before(record, at, holder).await?;
        Ok(Look::Attached(Seen {
            events,
            missed,
            last,
            is_first: before.is_empty(),
            before,
            version: stored.version,
        }))
    }

    /// The living replicas that hold streams before this one.
    async fn living_before(
        &self,
        record: &GetRecord,
        at: usize,
        holder: &Holder,
    ) -> Result<Vec<OwnerPair>, GetError> {
        let mut before: Vec<OwnerPair> = Vec::new();
        for other in record.streams[..at]
            .iter()
            .filter_map(|stream| stream.holder.as_ref())
        {
            if before.contains(&other.owner) {
                continue;
            }
            let is_own = other.owner == holder.owner;
            let living = &self.parts.living;
            if is_own || living.lives(&other.owner).await.map_err(GetError::harmless)? {
                before.push(other.owner.clone());
            }
        }
        Ok(before)
    }
}
