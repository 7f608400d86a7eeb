//! Appending what belongs to no call.

use mcpg_cluster::{Expect, Version};
use serde_json::value::RawValue;

use super::GetError;
use super::handle::{ATTEMPTS, GetStreams, Wrote, give_way};
use super::question::{self, SessionQuestion};
use super::record::{GetRecord, OpenQuestion, REMEMBERED, State};
use super::upstreams::Claimant;
use crate::owner::BootId;
use crate::random;
use crate::sessions::SessionId;
use crate::store::Stored;
use crate::weakness::{self, Weakness};

/// How many questions of a session may wait for their answers.
const MOST_QUESTIONS: usize = 64;

/// Something that is said to the client outside of any call.
#[derive(Clone, Debug)]
pub enum Said {
    /// A whole JSON-RPC message.
    Message(Box<RawValue>),
    /// A request of an upstream to the client.
    Question {
        /// The id that the upstream gave it.
        id: Box<RawValue>,
        /// The JSON-RPC method.
        method: String,
        /// The raw params.
        params: Option<Box<RawValue>>,
    },
}

/// The event of an upstream's stream that brought what is appended.
#[derive(Clone, Debug)]
pub struct UpstreamPlace {
    /// The name of the upstream.
    pub upstream: String,
    /// Who holds the upstream's stream.
    pub claimant: Claimant,
    /// The version of the record with that claim: a read of an older one says nothing about it.
    pub claimed: Version,
    /// The id of the event; an upstream that gives none cannot be resumed.
    pub event: Option<String>,
}

/// What is appended in one write. It is kept until [`GetStreams::append`] has settled it: by it an attempt of unknown
/// outcome is recognised.
#[derive(Clone, Debug)]
pub struct Batch {
    id: u64,
    said: Vec<Said>,
    place: Option<UpstreamPlace>,
    /// How many writes the record had seen when an attempt was sent whose outcome is unknown.
    unsure: Option<u64>,
}

impl Batch {
    /// Something to append; with `place` it came from there, and the place is taken over in the same write.
    pub fn new(said: Vec<Said>, place: Option<UpstreamPlace>) -> Self {
        Self {
            id: u64::from_be_bytes(random::bytes()),
            said,
            place,
            unsure: None,
        }
    }
}

/// What became of a batch. Everything but an error is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It stands in the record.
    Done {
        /// The version of the record.
        version: Version,
        /// Whose streams have something to send.
        wake: Vec<BootId>,
        /// How many older messages fell out of the queue for it.
        lost: u64,
    },
    /// Somebody else holds the upstream's stream: nothing was appended, and nothing may be.
    NotClaimant,
    /// The session was closed.
    Closed,
    /// Too many questions of this session are open.
    TooManyQuestions,
    /// Whether it was appended can no longer be found out. It is not repeated, since it may have been delivered.
    Undecided,
}

impl GetStreams {
    /// Appends to the first stream that is attached by a living replica, or else to the queue.
    ///
    /// If the process stops before the write, the upstream sends the event again to whoever takes its stream over; if
    /// it stops after it, the holder of the stream finds the message when it looks at the record the next time.
    ///
    /// # Errors
    /// Why it could not be settled; it is called again with the same batch.
    pub async fn append(&self, session: &SessionId, batch: &mut Batch) -> Result<Appended, GetError> {
        let key = super::key(session.name());
        let mut stored = self.read(&key).await?;
        for attempt in 0..ATTEMPTS {
            if let Some(settled) = self.settled(stored.as_ref(), batch)? {
                return Ok(settled);
            }
            let (record, expect) = match stored {
                Some(Stored { record, version }) => (record, Expect::Version(version)),
                None => (GetRecord::default(), Expect::Absent),
            };
            let writes = record.writes;
            let (mut next, wake, lost) = self.with_said(session, record, batch).await?;
            let place = batch.place.as_ref();
            let in_one = !weakness::has(Weakness::PlaceInASecondWrite);
            if let Some(place) = place.filter(|_| in_one) {
                next.take_place(place);
            }
            let owner = place.map(|place| &place.claimant.owner);
            match self.write(session.name(), next, expect, owner).await {
                Ok(Wrote::Done(stored)) => {
                    if let Some(place) = place.filter(|_| !in_one) {
                        self.place_afterwards(session, &stored, place).await?;
                    }
                    let version = stored.version;
                    return Ok(Appended::Done { version, wake, lost });
                }
                Ok(Wrote::Other(other)) => stored = other,
                Err(GetError::Indeterminate(error)) => {
                    batch.unsure.get_or_insert(writes);
                    return Err(GetError::Indeterminate(error));
                }
                Err(error) => return Err(error),
            }
            give_way(attempt).await;
        }
        Err(GetError::contended())
    }

    /// What is certain before anything is written.
    fn settled(
        &self,
        stored: Option<&Stored<GetRecord>>,
        batch: &Batch,
    ) -> Result<Option<Appended>, GetError> {
        let Some(Stored { record, version }) = stored else {
            return match (&batch.place, batch.unsure) {
                (Some(_), _) if self.config.stale_reads.is_zero() => Ok(Some(Appended::NotClaimant)),
                (Some(_), _) => Err(GetError::stale()),
                (None, Some(_)) => Ok(Some(Appended::Undecided)),
                (None, None) => Ok(None),
            };
        };
        if record.has(batch.id) && !weakness::has(Weakness::AppendsBlindly) {
            return Ok(Some(Appended::Done {
                version: *version,
                wake: record.holders().map(|holder| holder.boot.clone()).collect(),
                lost: 0,
            }));
        }
        if record.state == State::Closed {
            return Ok(Some(Appended::Closed));
        }
        if let Some(place) = &batch.place {
            if *version < place.claimed {
                return Err(GetError::stale());
            }
            if !record.is_claimed_by(&place.upstream, &place.claimant) {
                return Ok(Some(Appended::NotClaimant));
            }
        }
        if let Some(before) = batch.unsure
            && record.writes.saturating_sub(before) > REMEMBERED as u64
        {
            return Ok(Some(Appended::Undecided));
        }
        let asks = |said: &Said| matches!(said, Said::Question { .. });
        let is_too_much = record.questions.len() >= MOST_QUESTIONS && batch.said.iter().any(asks);
        Ok(is_too_much.then_some(Appended::TooManyQuestions))
    }

    /// The record with what is said in it, who is to be woken, and how much fell out of the queue.
    async fn with_said(
        &self,
        session: &SessionId,
        mut record: GetRecord,
        batch: &Batch,
    ) -> Result<(GetRecord, Vec<BootId>, u64), GetError> {
        record.remember(batch.id);
        if batch.said.is_empty() {
            return Ok((record, Vec::new(), 0));
        }
        let target = self.living_stream(&record).await?;
        let upstream = batch.place.as_ref().map(|place| place.upstream.as_str());
        let messages: Vec<Box<RawValue>> = batch
            .said
            .iter()
            .map(|said| self.message(session, &mut record, said, upstream))
            .collect();
        let (log, wake) = match target {
            Some(at) => {
                let stream = &mut record.streams[at];
                let boot = stream.holder.as_ref().map(|holder| holder.boot.clone());
                (&mut stream.log, boot.into_iter().collect())
            }
            None => (&mut record.queue, Vec::new()),
        };
        for message in &messages {
            log.push(message);
        }
        let limits = &self.config.limits;
        let dropped = log.trim_to(limits.max_events, limits.max_bytes);
        let lost = if target.is_none() { dropped } else { 0 };
        record.lost += lost;
        Ok((record, wake, lost))
    }

    fn message(
        &self,
        session: &SessionId,
        record: &mut GetRecord,
        said: &Said,
        upstream: Option<&str>,
    ) -> Box<RawValue> {
        match said {
            Said::Message(message) => message.clone(),
            Said::Question { id, method, params } => {
                record.asked += 1;
                let open = OpenQuestion {
                    upstream: upstream.unwrap_or_default().to_owned(),
                    id: id.clone(),
                    answer: None,
                };
                record.questions.insert(record.asked, open);
                let question = SessionQuestion { number: record.asked };
                let id = question.mint(&self.parts.mac, session);
                question::request(&id, method, params.as_deref())
            }
        }
    }

    /// The first stream that a living replica holds.
    async fn living_stream(&self, record: &GetRecord) -> Result<Option<usize>, GetError> {
        for (at, stream) in record.streams.iter().enumerate() {
            let Some(holder) = &stream.holder else {
                continue;
            };
            if weakness::has(Weakness::HoldersLiveForEver) {
                return Ok(Some(at));
            }
            let lives = self.parts.living.lives(&holder.owner).await;
            if lives.map_err(GetError::harmless)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// What must never be: the place in a write of its own.
    async fn place_afterwards(
        &self,
        session: &SessionId,
        stored: &Stored<GetRecord>,
        place: &UpstreamPlace,
    ) -> Result<(), GetError> {
        let mut record = stored.record.clone();
        record.take_place(place);
        let expect = Expect::Version(stored.version);
        self.write(session.name(), record, expect, None).await.map(drop)
    }
}

impl GetRecord {
    fn take_place(&mut self, place: &UpstreamPlace) {
        if let Some(stream) = self.upstreams.get_mut(&place.upstream)
            && place.event.is_some()
        {
            stream.place.clone_from(&place.event);
        }
    }
}
