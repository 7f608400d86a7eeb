//! Attaching a stream to a connection, and letting go of it.

use mcpg_cluster::Expect;

use super::GetError;
use super::handle::{ATTEMPTS, GetStreams, Wrote, give_way};
use super::holder::Holder;
use super::look::{Look, Seen};
use super::notice;
use super::record::{GetRecord, State, Stream};
use crate::delivery::Log;
use crate::owner::BootId;
use crate::random;
use crate::store::Stored;
use crate::weakness::{self, Weakness};

/// How many streams of one session are attached at once.
pub const MOST_ATTACHED: usize = 8;
/// How many streams are kept that their clients have left.
const MOST_DETACHED: usize = 8;

/// What became of attaching a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attach {
    /// It is attached to the connection.
    Attached {
        /// What is to be sent on it.
        seen: Seen,
        /// Who held this stream before, or another one of the session, and has to look.
        wake: Vec<BootId>,
    },
    /// The session has as many streams as it may have.
    TooMany,
    /// The session was closed.
    Closed,
    /// The read was older than what it was to show: try again.
    Stale,
}

impl GetStreams {
    /// Attaches a stream to a connection and moves the whole queue into its log, in one write. A stream that the record
    /// does not know is created behind the event `after`.
    ///
    /// The client must have been sent the id of that place before: if the process stops right after the write, what was
    /// in the queue lies in the log of this stream, and only who knows the id gets it.
    ///
    /// # Errors
    /// Why it could not be settled; it may be tried again with the same holder.
    pub async fn attach(
        &self,
        session: &str,
        stream: u64,
        after: u64,
        holder: &Holder,
    ) -> Result<Attach, GetError> {
        let key = super::key(session);
        let mut stored = self.read(&key).await?;
        for attempt in 0..ATTEMPTS {
            let (mut record, expect) = match stored {
                Some(stored) if stored.record.state == State::Closed => return Ok(Attach::Closed),
                Some(stored) if stored.record.is_held_by(stream, holder) => {
                    return self.attached(session, &stored, stream, after, holder).await;
                }
                Some(Stored { record, version }) => (record, Expect::Version(version)),
                None => (GetRecord::default(), Expect::Absent),
            };
            if !self.has_room(&mut record, stream).await? {
                return Ok(Attach::TooMany);
            }
            let apart = if weakness::has(Weakness::QueueAndLogAreTwoRecords) {
                std::mem::take(&mut record.queue)
            } else {
                Log::default()
            };
            let former = record.stream(stream).and_then(|known| known.holder.clone());
            record.attach(stream, after, holder);
            match self.write(session, record, expect, Some(&holder.owner)).await? {
                Wrote::Done(stored) => {
                    let stored = self
                        .move_afterwards(session, stored, apart, stream, holder)
                        .await?;
                    let mut attach = self.attached(session, &stored, stream, after, holder).await?;
                    if let (Attach::Attached { wake, .. }, Some(former)) = (&mut attach, former) {
                        wake.push(former.boot);
                    }
                    return Ok(attach);
                }
                Wrote::Other(other) => stored = other,
            }
            give_way(attempt).await;
        }
        Err(GetError::contended())
    }

    async fn attached(
        &self,
        session: &str,
        stored: &Stored<GetRecord>,
        stream: u64,
        after: u64,
        holder: &Holder,
    ) -> Result<Attach, GetError> {
        let others = stored.record.holders().filter(|other| *other != holder);
        let wake = others.map(|other| other.boot.clone()).collect();
        // The write may have been displaced by the time it was read back.
        Ok(match self.seen(session, stored, stream, after, holder).await? {
            Look::Attached(seen) => Attach::Attached { seen, wake },
            Look::Closed => Attach::Closed,
            Look::Displaced | Look::Gone | Look::Stale => Attach::Stale,
        })
    }

    /// Whether one more stream may be attached. Streams of replicas that are gone only count until somebody asks.
    async fn has_room(&self, record: &mut GetRecord, stream: u64) -> Result<bool, GetError> {
        let others = |record: &GetRecord| {
            let held = |other: &&Stream| other.id != stream && other.holder.is_some();
            record.streams.iter().filter(held).count()
        };
        if others(record) < MOST_ATTACHED {
            return Ok(true);
        }
        for other in &mut record.streams {
            if let Some(holder) = &other.holder {
                let lives = self.parts.living.lives(&holder.owner).await;
                if !lives.map_err(GetError::harmless)? {
                    other.holder = None;
                }
            }
        }
        Ok(others(record) < MOST_ATTACHED)
    }

    /// What must never be: the queue moved by a second write.
    async fn move_afterwards(
        &self,
        session: &str,
        stored: Stored<GetRecord>,
        queue: Log,
        stream: u64,
        holder: &Holder,
    ) -> Result<Stored<GetRecord>, GetError> {
        if !queue.has_events() {
            return Ok(stored);
        }
        let mut record = stored.record.clone();
        if let Some(stream) = record.streams.iter_mut().find(|known| known.id == stream) {
            stream.log.append(queue);
        }
        let expect = Expect::Version(stored.version);
        match self.write(session, record, expect, Some(&holder.owner)).await? {
            Wrote::Done(stored) => Ok(stored),
            Wrote::Other(_) => Err(GetError::contended()),
        }
    }

    /// Whether one more stream of this session may be opened, as far as is known.
    ///
    /// # Errors
    /// Why that cannot be told.
    pub async fn has_room_for_another(&self, session: &str) -> Result<bool, GetError> {
        match self.read(&super::key(session)).await? {
            Some(mut stored) => {
                let fresh = Self::fresh_stream();
                self.has_room(&mut stored.record, fresh).await
            }
            None => Ok(true),
        }
    }

    /// Draws the name of a stream that nobody else will ever draw.
    pub fn fresh_stream() -> u64 {
        u64::from_be_bytes(random::bytes())
    }

    /// Lets go of what this boot is said to hold though it does not: a write that attached a stream may have arrived
    /// after its connection was closed. `held` are the connections that it does hold.
    ///
    /// # Errors
    /// Why it could not be settled.
    pub async fn detach_strays(&self, session: &str, held: &[u64]) -> Result<(), GetError> {
        let mut stored = self.read(&super::key(session)).await?;
        for attempt in 0..ATTEMPTS {
            let Some(Stored { mut record, version }) = stored else {
                return Ok(());
            };
            let is_stray = |holder: &Holder| holder.boot == self.config.boot && !held.contains(&holder.nonce);
            let strays: Vec<u64> = record
                .streams
                .iter()
                .filter(|stream| stream.holder.as_ref().is_some_and(is_stray))
                .map(|stream| stream.id)
                .collect();
            if strays.is_empty() {
                return Ok(());
            }
            strays.into_iter().for_each(|stray| record.detach(stray));
            match self
                .write(session, record, Expect::Version(version), None)
                .await?
            {
                Wrote::Done(_) => return Ok(()),
                Wrote::Other(other) => stored = other,
            }
            give_way(attempt).await;
        }
        Err(GetError::contended())
    }

    /// Lets go of a stream whose client has left, and says who has to look because another stream may be the first now.
    ///
    /// If the process stops before it, the replica's lease runs out, and with it whatever it holds.
    ///
    /// # Errors
    /// Why it could not be settled.
    pub async fn detach(
        &self,
        session: &str,
        stream: u64,
        holder: &Holder,
    ) -> Result<Option<(mcpg_cluster::Version, Vec<BootId>)>, GetError> {
        let key = super::key(session);
        let mut stored = self.read(&key).await?;
        for attempt in 0..ATTEMPTS {
            let Some(Stored { mut record, version }) =
                stored.filter(|stored| stored.record.is_held_by(stream, holder))
            else {
                return Ok(None);
            };
            record.detach(stream);
            let expect = Expect::Version(version);
            match self.write(session, record, expect, Some(&holder.owner)).await? {
                Wrote::Done(Stored { record, version }) => {
                    let wake = record.holders().map(|other| other.boot.clone()).collect();
                    return Ok(Some((version, wake)));
                }
                Wrote::Other(other) => stored = other,
            }
            give_way(attempt).await;
        }
        Err(GetError::contended())
    }
}

impl GetRecord {
    pub(super) fn is_held_by(&self, stream: u64, holder: &Holder) -> bool {
        let held = self.stream(stream).and_then(|stream| stream.holder.as_ref());
        held == Some(holder)
    }

    fn attach(&mut self, id: u64, after: u64, holder: &Holder) {
        if self.stream(id).is_none() {
            self.streams.push(Stream {
                id,
                holder: None,
                log: Log::starting_after(after),
            });
        }
        let (lost, queue) = (std::mem::take(&mut self.lost), std::mem::take(&mut self.queue));
        let stream = self.streams.iter_mut().find(|stream| stream.id == id);
        let stream = stream.expect("it was added above where it was missing");
        stream.holder = Some(holder.clone());
        if lost > 0 {
            stream.log.push(&notice::messages_lost(lost));
        }
        // Not trimmed here: the notice must not push out what it speaks of, and the next append trims.
        stream.log.append(queue);
        self.let_go_of_old();
    }

    fn detach(&mut self, id: u64) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == id) {
            stream.holder = None;
        }
        // Without events there is nothing to come back for; who does it all the same gets a new stream of that name.
        self.streams
            .retain(|stream| stream.id != id || stream.log.has_events());
        self.let_go_of_old();
    }

    /// Forgets the streams that were opened first among too many that nobody reads.
    fn let_go_of_old(&mut self) {
        let detached = |stream: &Stream| stream.holder.is_none();
        let mut too_many = self
            .streams
            .iter()
            .filter(|stream| detached(stream))
            .count()
            .saturating_sub(MOST_DETACHED);
        self.streams.retain(|stream| {
            let goes = too_many > 0 && detached(stream);
            too_many -= usize::from(goes);
            !goes
        });
    }
}
