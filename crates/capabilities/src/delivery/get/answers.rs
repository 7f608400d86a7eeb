//! The client's answers to questions that belong to no call.

use mcpg_cluster::Expect;
use serde_json::value::RawValue;

use super::GetError;
use super::handle::{ATTEMPTS, GetStreams, Wrote, give_way};
use super::question::SessionQuestion;
use super::record::{GetRecord, State};
use super::upstreams::Claimant;
use crate::calls::{Answered, QuestionAnswer};
use crate::owner::BootId;
use crate::store::Stored;

/// An answer on its way to the upstream that asked.
#[derive(Clone, Debug)]
pub struct TakenAnswer {
    /// The id that the upstream gave its question.
    pub question: Box<RawValue>,
    /// What the client said.
    pub answer: QuestionAnswer,
}

impl GetStreams {
    /// Gives an answer to the upstream that asked for it. Of several answers the first one stays.
    ///
    /// # Errors
    /// Why it could not be settled: the client must not be told that the answer was taken.
    pub async fn answer(
        &self,
        session: &str,
        question: SessionQuestion,
        answer: QuestionAnswer,
    ) -> Result<Answered, GetError> {
        let number = question.number;
        let mut stored = self.read(&super::key(session)).await?;
        for attempt in 0..ATTEMPTS {
            let Some(Stored { mut record, version }) = stored.filter(|stored| number <= stored.record.asked)
            else {
                // The deployment minted the id, so it was asked once; a stale read may be from before that.
                return match self.config.stale_reads.is_zero() {
                    true => Ok(Answered::Unknown),
                    false => Err(GetError::stale()),
                };
            };
            let owner = record.claimant_of(number);
            let open = match record.questions.get_mut(&number) {
                Some(open) if record.state == State::Open => open,
                _ => return Ok(Answered::Late),
            };
            if open.answer.is_some() {
                return Ok(Answered::Repeated { owner, version });
            }
            open.answer = Some(answer.clone());
            match self
                .write(session, record, Expect::Version(version), None)
                .await?
            {
                Wrote::Done(Stored { record, version }) => {
                    let owner = record.claimant_of(number).or(owner);
                    return Ok(Answered::Taken { owner, version });
                }
                Wrote::Other(other) => stored = other,
            }
            give_way(attempt).await;
        }
        Err(GetError::contended())
    }

    /// Takes the answers for an upstream out of the record, to be passed on by this replica: each is handed out once, so
    /// that a replica that was paused and its successor never both pass it on. One that stops after this has lost them,
    /// and the upstream waits until its own patience is over.
    ///
    /// # Errors
    /// Why it could not be settled; what was not handed out may be taken again.
    pub async fn take_answers(
        &self,
        session: &str,
        upstream: &str,
        claimant: &Claimant,
    ) -> Result<Vec<TakenAnswer>, GetError> {
        let mut stored = self.read(&super::key(session)).await?;
        for attempt in 0..ATTEMPTS {
            let Some(Stored { mut record, version }) =
                stored.filter(|stored| stored.record.is_claimed_by(upstream, claimant))
            else {
                return Ok(Vec::new());
            };
            let taken = record.take_answers(upstream);
            if taken.is_empty() {
                return Ok(taken);
            }
            let expect = Expect::Version(version);
            match self.write(session, record, expect, Some(&claimant.owner)).await? {
                Wrote::Done(_) => return Ok(taken),
                Wrote::Other(other) => stored = other,
            }
            give_way(attempt).await;
        }
        Err(GetError::contended())
    }

    /// Forgets a question that the upstream has taken back.
    ///
    /// # Errors
    /// Why it could not be settled.
    pub async fn withdraw(
        &self,
        session: &str,
        upstream: &str,
        question: &RawValue,
        claimant: &Claimant,
    ) -> Result<(), GetError> {
        let mut stored = self.read(&super::key(session)).await?;
        for attempt in 0..ATTEMPTS {
            let Some(Stored { mut record, version }) =
                stored.filter(|stored| stored.record.is_claimed_by(upstream, claimant))
            else {
                return Ok(());
            };
            let before = record.questions.len();
            record
                .questions
                .retain(|_, open| open.upstream != upstream || open.id.get() != question.get());
            if record.questions.len() == before {
                return Ok(());
            }
            let expect = Expect::Version(version);
            match self.write(session, record, expect, Some(&claimant.owner)).await? {
                Wrote::Done(_) => return Ok(()),
                Wrote::Other(other) => stored = other,
            }
            give_way(attempt).await;
        }
        Err(GetError::contended())
    }
}

impl GetRecord {
    fn claimant_of(&self, question: u64) -> Option<BootId> {
        let upstream = &self.questions.get(&question)?.upstream;
        Some(self.upstreams.get(upstream)?.boot.clone())
    }

    fn take_answers(&mut self, upstream: &str) -> Vec<TakenAnswer> {
        let mut taken = Vec::new();
        self.questions.retain(|_, open| {
            if open.upstream != upstream {
                return true;
            }
            let Some(answer) = open.answer.take() else {
                return true;
            };
            taken.push(TakenAnswer {
                question: open.id.clone(),
                answer,
            });
            false
        });
        taken
    }
}
