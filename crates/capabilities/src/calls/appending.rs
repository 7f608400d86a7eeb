//! Saying something on the stream of a call.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use mcpg_cluster::{Moment, Version};
use mcpg_metrics::table::STREAMS_OVER_BUDGET;
use serde_json::value::RawValue;

use super::CallsError;
use super::handle::{ATTEMPTS, give_way};
use super::head::EndReason;
use super::open_call::{OpenCall, Put, Refused};
use crate::delivery::{Log, OverBudget, Reader};
use crate::weakness::{self, Weakness};

/// How large the last events of a stream may be although its principal's budget is used up: an error fits.
const LAST_WORD: usize = 16 * 1024;

/// Something that is said on the stream of a call.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The whole JSON-RPC message.
    pub message: Box<RawValue>,
    /// The number of the question that it asks, as [`OpenCall::next_question`] gave it.
    pub question: Option<u64>,
}

/// What was appended stands in the log: it may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The number of the last event.
    pub last: u64,
    /// Who reads the stream instead of the client's first connection, and must be woken.
    pub reader: Option<Reader>,
    /// The version of the head.
    pub version: Version,
}

/// What the owner knows of the end of its log beyond what stands in the head.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// Up to which event the log was at which moments; the oldest first.
    times: VecDeque<(u64, Moment)>,
    /// Up to which event the log is too old.
    aged: u64,
    /// The log of an attempt that has not been seen to be applied: another one must not write the bodies again.
    prepared: Option<Prepared>,
}

#[derive(Debug)]
struct Prepared {
    /// From the first to the last event it went on, and where it ends.
    from: (u64, u64),
    last: u64,
    /// Over the messages: who tries again with others gets others.
    hash: u64,
    log: Log,
}

impl OpenCall {
    /// Appends to the log, behind the event with the number `after`; with `ends` the call is over with it. What was
    /// appended may be sent, and nothing before.
    ///
    /// After an error it is called again with the same entries, or with more of them: what an attempt of unknown outcome
    /// has appended is recognised by its place in the log, which nobody else writes.
    ///
    /// # Errors
    /// Why the head could not be written. An error that says nothing about the outcome leaves it to the next attempt.
    pub async fn append(
        &mut self,
        after: u64,
        entries: &[Entry],
        ends: bool,
    ) -> Result<Result<Appended, Refused>, CallsError> {
        let last = after + entries.len() as u64;
        let mut looks = !weakness::has(Weakness::AppendsBlindly);
        for attempt in 0..ATTEMPTS {
            let is_finished = ends && self.is_finished();
            if let Some(refused) = self.refusal().filter(|_| !is_finished) {
                return Ok(Err(refused));
            }
            let reached = self.stored.record.log.last();
            if looks && reached >= last && (!ends || is_finished) {
                return Ok(Ok(self.appended(last)));
            }
            // Of the log of a call that is over nothing is known any more, nor where an event of the owner is missing.
            if is_finished || reached < after {
                return Ok(Err(Refused::Gone));
            }
            let known = if looks { reached - after } else { 0 };
            let fresh = entries.get(usize::try_from(known).unwrap_or(usize::MAX)..);
            let fresh = fresh.unwrap_or_default();
            let mut next = self.next();
            next.log = match self.prepare(fresh, ends).await? {
                Ok(log) => log,
                Err(refused) => return Ok(Err(refused)),
            };
            for number in fresh.iter().filter_map(|entry| entry.question) {
                next.asked = next.asked.max(number);
                next.pending.insert(number);
            }
            if ends {
                next.end(EndReason::Finished);
            }
            match self.put(next).await? {
                Put::Written => {
                    self.tail.prepared = None;
                    looks = true;
                }
                Put::Gone => return Ok(Err(Refused::Gone)),
                Put::Lost => give_way(attempt).await,
            }
        }
        Err(CallsError::contended())
    }

    /// Up to which event the log is older than it may be.
    pub(super) fn aged(&mut self) -> u64 {
        let (now, limits) = (self.calls.clock.now(), &self.calls.config.limits);
        let Tail { times, aged, .. } = &mut self.tail;
        while let Some((last, at)) = times.front()
            && now.saturating_since(*at) > limits.max_age
        {
            *aged = *last;
            times.pop_front();
        }
        *aged
    }

    fn appended(&mut self, last: u64) -> Appended {
        let now = self.calls.clock.now();
        if self.tail.times.back().is_none_or(|(known, _)| *known < last) {
            self.tail.times.push_back((last, now));
        }
        Appended {
            last,
            reader: self.stored.record.reader.clone(),
            version: self.stored.version,
        }
    }

    /// The log with these events behind what stands there, its bodies written.
    async fn prepare(&mut self, fresh: &[Entry], ends: bool) -> Result<Result<Log, Refused>, CallsError> {
        let aged = self.aged();
        let stands = &self.stored.record.log;
        let from = (stands.base(), stands.last());
        let last = stands.last() + fresh.len() as u64;
        let hash = hash(fresh);
        if let Some(prepared) = &self.tail.prepared
            && (prepared.from, prepared.last, prepared.hash) == (from, last, hash)
        {
            return Ok(Ok(prepared.log.clone()));
        }
        let mut log = stands.clone();
        log.forget_to(aged);
        for entry in fresh {
            log.push(&entry.message);
        }
        let limits = &self.calls.config.limits;
        log.trim_to(limits.max_events, limits.max_bytes);
        let owner = self.stored.record.owner.as_ref().unwrap_or(&self.entry.owner);
        let resized = self.held.resize(log.bytes(), &self.calls.writer, owner).await;
        if resized.map_err(CallsError::harmless)? == Err(OverBudget) {
            let is_last_word = ends && fresh.iter().map(size).sum::<usize>() <= LAST_WORD;
            if !is_last_word {
                STREAMS_OVER_BUDGET.count(&[]);
                return Ok(Err(Refused::OverBudget));
            }
            self.held.set(log.bytes());
        }
        let place = self.calls.place(&self.entry.call, owner);
        let settled = self.calls.bodies.settle(&mut log, place).await;
        settled.map_err(CallsError::harmless)?;
        self.tail.prepared = Some(Prepared {
            from,
            last,
            hash,
            log: log.clone(),
        });
        Ok(Ok(log))
    }
}

fn size(entry: &Entry) -> usize {
    entry.message.get().len()
}

fn hash(entries: &[Entry]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for entry in entries {
        entry.message.get().hash(&mut hasher);
    }
    hasher.finish()
}
