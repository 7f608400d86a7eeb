//! What stands in the head of a call.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::delivery::{Log, Reader};
use crate::owner::{BootId, OwnerPair};
use crate::random;
use crate::store::{Fields, FormatError, Nonces, Record};

/// Whether a call still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Its owner runs it.
    Open,
    /// The client cancelled it: no response is sent.
    Cancelled,
    /// It is over.
    Ended,
}

/// Why a call is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EndReason {
    /// Its owner ended it.
    Finished,
    /// Its owner was found dead.
    OwnerLost,
}

/// Marks one opening of one call, and with it one stream: a client may use an id again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Birth(u64);

impl Birth {
    pub(super) fn fresh() -> Self {
        Self(u64::from_be_bytes(random::bytes()))
    }

    /// The birth that an id of an event names.
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number that stands for it.
    pub(crate) const fn get(self) -> u64 {
        self.0
    }
}

impl std::fmt::Display for Birth {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

/// A client's answer to a question, as the raw JSON that it sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestionAnswer {
    /// The member `result` of the response.
    Result(Box<RawValue>),
    /// The member `error` of the response.
    Error(Box<RawValue>),
}

impl From<Result<Box<RawValue>, Box<RawValue>>> for QuestionAnswer {
    fn from(answer: Result<Box<RawValue>, Box<RawValue>>) -> Self {
        answer.map_or_else(Self::Error, Self::Result)
    }
}

impl From<QuestionAnswer> for Result<Box<RawValue>, Box<RawValue>> {
    fn from(answer: QuestionAnswer) -> Self {
        match answer {
            QuestionAnswer::Result(raw) => Ok(raw),
            QuestionAnswer::Error(raw) => Err(raw),
        }
    }
}

/// The record of a call.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) state: State,
    /// Absent in the marker that a cancel leaves.
    pub(super) owner: Option<OwnerPair>,
    /// Where the owner's mail goes.
    pub(super) boot: Option<BootId>,
    pub(super) birth: Option<Birth>,
    pub(super) reason: Option<EndReason>,
    /// How many questions were asked under this id. It goes on counting when a call replaces another one, so that a
    /// late answer to the former never fits the latter.
    pub(super) asked: u64,
    pub(super) pending: BTreeSet<u64>,
    pub(super) answers: BTreeMap<u64, QuestionAnswer>,
    /// What was said on the stream of the call.
    pub(super) log: Log,
    /// Who reads the stream instead of the client's first connection.
    pub(super) reader: Option<Reader>,
    nonces: Nonces,
    unknown: Fields,
}

impl Head {
    pub(super) fn open(owner: OwnerPair, boot: BootId, birth: Birth) -> Self {
        Self {
            owner: Some(owner),
            boot: Some(boot),
            birth: Some(birth),
            ..Self::empty(State::Open)
        }
    }

    /// The marker of a cancel that came first.
    pub(super) fn cancelled() -> Self {
        Self::empty(State::Cancelled)
    }

    /// The marker that keeps a late copy of an opening out.
    pub(super) fn ended(birth: Birth, reason: EndReason) -> Self {
        Self {
            birth: Some(birth),
            reason: Some(reason),
            ..Self::empty(State::Ended)
        }
    }

    /// The marker that shows that no head stood there. A call that opens replaces it.
    pub(super) fn gone() -> Self {
        Self::empty(State::Ended)
    }

    fn empty(state: State) -> Self {
        Self {
            state,
            owner: None,
            boot: None,
            birth: None,
            reason: None,
            asked: 0,
            pending: BTreeSet::new(),
            answers: BTreeMap::new(),
            log: Log::default(),
            reader: None,
            nonces: Nonces::default(),
            unknown: Fields::default(),
        }
    }

    /// The head of a new call in the place of this one, which is over.
    pub(super) fn replaced_by(self, mut next: Self) -> Self {
        next.asked = self.asked;
        next.nonces = self.nonces;
        next
    }

    /// Ends the call; what its questions carried is not kept.
    pub(super) fn end(&mut self, reason: EndReason) {
        self.state = State::Ended;
        self.reason = Some(reason);
        self.pending.clear();
        self.answers.clear();
    }

    /// Cancels the call.
    pub(super) fn cancel(&mut self) {
        self.state = State::Cancelled;
        self.pending.clear();
        self.answers.clear();
    }

    pub(super) fn is_of(&self, birth: Birth) -> bool {
        self.birth == Some(birth)
    }
}

/// Up to which event the log reaches in the head that these bytes are, if it is the head of that birth.
#[cfg(test)]
pub(crate) fn logged(bytes: &[u8], birth: Birth) -> Option<u64> {
    let head = Head::decode(bytes).ok().filter(|head| head.is_of(birth))?;
    Some(head.log.last())
}

impl Record for Head {
    fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut fields = Fields::read(bytes)?;
        Ok(Self {
            state: fields.require("state")?,
            owner: fields.take("owner")?,
            boot: fields.take("boot")?,
            birth: fields.take("birth")?,
            reason: fields.take("reason")?,
            asked: fields.take("asked")?.unwrap_or_default(),
            pending: fields.take("pending")?.unwrap_or_default(),
            answers: fields.take("answers")?.unwrap_or_default(),
            log: fields.take("log")?.unwrap_or_default(),
            reader: fields.take("reader")?,
            nonces: fields.take("nonces")?.unwrap_or_default(),
            unknown: fields,
        })
    }

    fn encode(&self, format: u32) -> Result<Vec<u8>, FormatError> {
        let mut fields = Fields::write(format);
        fields.put("state", &self.state)?;
        if let Some(owner) = &self.owner {
            fields.put("owner", owner)?;
        }
        if let Some(boot) = &self.boot {
            fields.put("boot", boot)?;
        }
        if let Some(birth) = &self.birth {
            fields.put("birth", birth)?;
        }
        if let Some(reason) = &self.reason {
            fields.put("reason", reason)?;
        }
        if self.asked > 0 {
            fields.put("asked", &self.asked)?;
        }
        if !self.pending.is_empty() {
            fields.put("pending", &self.pending)?;
        }
        if !self.answers.is_empty() {
            fields.put("answers", &self.answers)?;
        }
        if !self.log.is_empty() {
            fields.put("log", &self.log)?;
        }
        if let Some(reader) = &self.reader {
            fields.put("reader", reader)?;
        }
        fields.put("nonces", &self.nonces)?;
        fields.extend(&self.unknown);
        fields.into_bytes()
    }

    fn nonces(&self) -> &Nonces {
        &self.nonces
    }

    fn nonces_mut(&mut self) -> &mut Nonces {
        &mut self.nonces
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::store::Format;

    #[test]
    fn a_head_is_read_back_as_it_was_written_with_what_this_release_does_not_know() {
        let stored = br#"{"format":2,"state":"open","owner":{"lease":"replica/a","token":7},"boot":"b1","birth":5,
            "asked":3,"pending":[3],"answers":{"1":{"result":{"a":1.50}},"2":{"error":{"code":-1}}},"nonces":[1],
            "log":{"base":4,"events":[{"b":1.50}]},"reader":{"boot":"b2","nonce":9},"later":{"base":0}}"#;
        let head = Head::decode(stored).unwrap();
        assert_eq!(head.owner.as_ref().unwrap().token, 7);
        let again = String::from_utf8(head.encode(Format::NATIVE).unwrap()).unwrap();
        for kept in [
            r#""pending":[3]"#,
            r#""1":{"result":{"a":1.50}}"#,
            r#""2":{"error":{"code":-1}}"#,
            r#""log":{"base":4,"events":[{"b":1.50}]}"#,
            r#""reader":{"boot":"b2","nonce":9}"#,
            r#""later":{"base":0}"#,
        ] {
            assert!(again.contains(kept), "{kept} in {again}");
        }
        let mut ended = Head::decode(again.as_bytes()).unwrap();
        ended.end(EndReason::Finished);
        let small = String::from_utf8(ended.encode(Format::NATIVE).unwrap()).unwrap();
        assert!(
            !small.contains("answers") && small.contains(r#""asked":3"#),
            "{small}"
        );
    }
}
