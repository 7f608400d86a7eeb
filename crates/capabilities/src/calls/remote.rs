//! What any replica does to a call that may run anywhere.

use std::time::Duration;

use mcpg_cluster::{Expect, Version};

use super::CallsError;
use super::handle::{ATTEMPTS, Calls, give_way};
use super::head::{Head, QuestionAnswer, State};
use super::key::CallKey;
use super::question::QuestionId;
use crate::owner::BootId;
use crate::store::{Stored, WriteError};
use crate::weakness::{self, Weakness};

/// What a cancel did. In every case the client is told 202.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// No head stood there. A marker stops the call if it opens later; a call that is answered before never knows.
    MarkerLeft,
    /// The head of a running call was cancelled: wake its owner with this version.
    Stopped {
        /// Where the owner's mail goes.
        owner: Option<BootId>,
        /// The version of the cancelled head.
        version: Version,
    },
    /// It was cancelled before. Wake the owner, if there is one: who cancelled may have died before doing so.
    Already {
        /// Where the owner's mail goes.
        owner: Option<BootId>,
        /// The version of the cancelled head.
        version: Version,
    },
    /// It is over: nothing is left to cancel.
    Finished,
}

/// What became of a client's answer. In every case the client is told 202.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It stands in the head: wake the owner with this version.
    Taken {
        /// Where the owner's mail goes.
        owner: Option<BootId>,
        /// The version of the head.
        version: Version,
    },
    /// The first answer stands in the head already. Wake the owner: who took it may have died before doing so.
    Repeated {
        /// Where the owner's mail goes.
        owner: Option<BootId>,
        /// The version of the head.
        version: Version,
    },
    /// The call is over, or its owner has used an answer to this question already.
    Late,
    /// No head of the call stands, or it never asked that.
    Unknown,
}

impl Calls {
    /// Cancels a call, wherever it runs and whether or not it has a head yet. Doing it twice does no harm.
    ///
    /// # Errors
    /// Why it could not be settled: the client must not be told that the cancel was taken.
    pub async fn cancel(&self, call: &CallKey) -> Result<Cancelled, CallsError> {
        let mut key = call.head();
        if weakness::has(Weakness::TwoRecords) {
            key = weakness::beside(&key);
        }
        let mut stored = self.writer.read::<Head>(&key).await?;
        for attempt in 0..ATTEMPTS {
            let (head, expect) = match stored {
                None if weakness::has(Weakness::CancelOnlyLooks) => return Ok(Cancelled::MarkerLeft),
                None => (Head::cancelled(), Expect::Absent),
                Some(Stored { record, version }) => match record.state {
                    State::Cancelled => {
                        return Ok(Cancelled::Already {
                            owner: record.boot,
                            version,
                        });
                    }
                    State::Ended => return Ok(Cancelled::Finished),
                    State::Open => {
                        let mut head = record;
                        head.cancel();
                        (head, Expect::Version(version))
                    }
                },
            };
            let mut ttl = Some(self.config.record_ttl);
            if weakness::has(Weakness::ShortMarker) {
                ttl = Some(Duration::from_secs(1));
            }
            match self.writer.write(&key, head, expect, ttl).await {
                Ok(Stored { record, version }) => {
                    return Ok(match (expect, record.boot) {
                        (Expect::Absent, None) => Cancelled::MarkerLeft,
                        (_, owner) => Cancelled::Stopped { owner, version },
                    });
                }
                Err(WriteError::Conflict(other)) => stored = other,
                Err(error) => return Err(error.into()),
            }
            give_way(attempt).await;
        }
        Err(CallsError::contended())
    }

    /// Gives an answer to the call that asked for it. Of several answers the first one stays.
    ///
    /// # Errors
    /// Why it could not be settled: the client must not be told that the answer was taken.
    pub async fn answer(
        &self,
        question: &QuestionId,
        answer: QuestionAnswer,
    ) -> Result<Answered, CallsError> {
        let (key, number) = (question.call.head(), question.number);
        let mut stored = self.writer.read::<Head>(&key).await?;
        for attempt in 0..ATTEMPTS {
            let asked = |stored: &Stored<Head>| number <= stored.record.asked;
            let Some(Stored { record, version }) = stored.filter(asked) else {
                return self.unknown();
            };
            if record.state != State::Open {
                return Ok(Answered::Late);
            }
            if record.answers.contains_key(&number) {
                let owner = record.boot;
                return Ok(Answered::Repeated { owner, version });
            }
            let mut head = record;
            if !head.pending.remove(&number) {
                return Ok(Answered::Late);
            }
            head.answers.insert(number, answer.clone());
            let ttl = Some(self.config.record_ttl);
            match self.writer.write(&key, head, Expect::Version(version), ttl).await {
                Ok(Stored { record, version }) => {
                    let owner = record.boot;
                    return Ok(Answered::Taken { owner, version });
                }
                Err(WriteError::Conflict(other)) => stored = other,
                Err(error) => return Err(error.into()),
            }
            give_way(attempt).await;
        }
        Err(CallsError::contended())
    }

    /// The deployment minted the question's id, so its head has stood once; a stale read may be from before that.
    fn unknown(&self) -> Result<Answered, CallsError> {
        if self.config.stale_reads.is_zero() {
            return Ok(Answered::Unknown);
        }
        Err(CallsError::stale())
    }
}
