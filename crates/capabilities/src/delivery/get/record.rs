//! What stands in the record of a session's GET streams.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::holder::Holder;
use crate::calls::QuestionAnswer;
use crate::delivery::Log;
use crate::owner::{BootId, OwnerPair};
use crate::store::{Fields, FormatError, Nonces, Record};

/// How many ids of messages are kept to recognise a write of unknown outcome by.
pub(super) const REMEMBERED: usize = 32;

/// Whether the session can still be told anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    #[default]
    Open,
    /// The session was closed: nothing is appended and nothing attached any more.
    Closed,
}

/// One GET stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Stream {
    pub(super) id: u64,
    /// The connection that it is attached to; none while the client is away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) holder: Option<Holder>,
    #[serde(default)]
    pub(super) log: Log,
}

/// Who holds the GET stream of one upstream session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct UpstreamStream {
    pub(super) owner: OwnerPair,
    pub(super) boot: BootId,
    /// Which upstream session it is: after it was opened anew, an event id of the former one means nothing.
    pub(super) of: String,
    /// The upstream's id of the last event whose effect stands in this record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<String>,
}

/// A question of an upstream that belongs to no call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct OpenQuestion {
    pub(super) upstream: String,
    /// The id that the upstream gave it, as it stands in its message.
    pub(super) id: Box<RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) answer: Option<QuestionAnswer>,
}

/// The record of a session's GET streams.
#[derive(Clone, Debug, Default)]
pub(super) struct GetRecord {
    pub(super) state: State,
    /// In the order in which they were opened.
    pub(super) streams: Vec<Stream>,
    /// What waits for a stream.
    pub(super) queue: Log,
    /// How many messages fell out of the queue since a stream was last told.
    pub(super) lost: u64,
    /// The ids of the last writes of messages.
    pub(super) recent: VecDeque<u64>,
    /// How many such writes there were.
    pub(super) writes: u64,
    /// How many questions were asked.
    pub(super) asked: u64,
    pub(super) questions: BTreeMap<u64, OpenQuestion>,
    pub(super) upstreams: BTreeMap<String, UpstreamStream>,
    nonces: Nonces,
    unknown: Fields,
}

impl GetRecord {
    /// Whether the write of messages with this id is part of the record, as far as that is remembered.
    pub(super) fn has(&self, id: u64) -> bool {
        self.recent.contains(&id)
    }

    pub(super) fn remember(&mut self, id: u64) {
        if self.recent.len() >= REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(id);
        self.writes += 1;
    }

    pub(super) fn stream(&self, id: u64) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.id == id)
    }

    pub(super) fn holders(&self) -> impl Iterator<Item = &Holder> {
        self.streams.iter().filter_map(|stream| stream.holder.as_ref())
    }

    /// Ends everything; what was said stays said.
    pub(super) fn close(&mut self) {
        *self = Self {
            state: State::Closed,
            asked: self.asked,
            recent: std::mem::take(&mut self.recent),
            writes: self.writes,
            nonces: std::mem::take(&mut self.nonces),
            unknown: std::mem::take(&mut self.unknown),
            ..Self::default()
        };
    }
}

impl Record for GetRecord {
    fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut fields = Fields::read(bytes)?;
        Ok(Self {
            state: fields.require("state")?,
            streams: fields.take("streams")?.unwrap_or_default(),
            queue: fields.take("queue")?.unwrap_or_default(),
            lost: fields.take("lost")?.unwrap_or_default(),
            recent: fields.take("recent")?.unwrap_or_default(),
            writes: fields.take("writes")?.unwrap_or_default(),
            asked: fields.take("asked")?.unwrap_or_default(),
            questions: fields.take("questions")?.unwrap_or_default(),
            upstreams: fields.take("upstreams")?.unwrap_or_default(),
            nonces: fields.take("nonces")?.unwrap_or_default(),
            unknown: fields,
        })
    }

    fn encode(&self, format: u32) -> Result<Vec<u8>, FormatError> {
        let mut fields = Fields::write(format);
        fields.put("state", &self.state)?;
        if !self.streams.is_empty() {
            fields.put("streams", &self.streams)?;
        }
        if !self.queue.is_empty() {
            fields.put("queue", &self.queue)?;
        }
        for (name, number) in [
            ("lost", self.lost),
            ("writes", self.writes),
            ("asked", self.asked),
        ] {
            if number > 0 {
                fields.put(name, &number)?;
            }
        }
        if !self.recent.is_empty() {
            fields.put("recent", &self.recent)?;
        }
        if !self.questions.is_empty() {
            fields.put("questions", &self.questions)?;
        }
        if !self.upstreams.is_empty() {
            fields.put("upstreams", &self.upstreams)?;
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
    fn a_record_is_read_back_as_it_was_written_with_what_this_release_does_not_know() {
        let stored = br#"{"format":2,"state":"open","streams":[{"id":7,"holder":{"owner":{"lease":"replica/a","token":7},
            "boot":"b1","nonce":9},"log":{"base":4,"events":[{"b":1.50}]}},{"id":8}],"queue":{"events":[{"c":2.50}]},
            "lost":3,"recent":[5],"writes":6,"asked":1,"questions":{"1":{"upstream":"u","id":"x-1",
            "answer":{"result":{"a":1.50}}}},"upstreams":{"u":{"owner":{"lease":"replica/a","token":7},"boot":"b1",
            "of":"s","place":"e1"}},"nonces":[1],"later":{"base":0}}"#;
        let record = GetRecord::decode(stored).unwrap();
        assert_eq!(record.holders().count(), 1);
        let again = String::from_utf8(record.encode(Format::NATIVE).unwrap()).unwrap();
        for kept in [
            r#""events":[{"b":1.50}]"#,
            r#""events":[{"c":2.50}]"#,
            r#""lost":3"#,
            r#""recent":[5]"#,
            r#""questions":{"1":{"upstream":"u","id":"x-1","answer":{"result":{"a":1.50}}}}"#,
            r#""place":"e1""#,
            r#""later":{"base":0}"#,
        ] {
            assert!(again.contains(kept), "{kept} in {again}");
        }
        let mut closed = GetRecord::decode(again.as_bytes()).unwrap();
        closed.close();
        let small = String::from_utf8(closed.encode(Format::NATIVE).unwrap()).unwrap();
        assert!(
            !small.contains("streams") && small.contains(r#""state":"closed""#),
            "{small}"
        );
    }
}
