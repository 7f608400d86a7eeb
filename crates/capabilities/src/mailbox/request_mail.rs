//! The record of a request that lies in a replica's mail.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::owner::BootId;
use crate::store::{Fields, FormatError, Nonces, Record};

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RequestState {
    /// Nobody has begun to execute it.
    New,
    /// The receiver executes it, or has done so, or died over it.
    Taken,
    /// It is not executed and never will be.
    Refused,
}

/// A request to one boot of a replica.
#[derive(Clone, Debug)]
pub(super) struct RequestMail {
    pub(super) state: RequestState,
    /// Who asks: the reply lies in that boot's mail.
    pub(super) from: BootId,
    /// The name of the reply.
    pub(super) reply: String,
    /// What is asked for: a word that the handlers agree on.
    pub(super) kind: String,
    /// What it is about; dropped as soon as it is no longer new, since the record outlives it.
    pub(super) body: Bytes,
    /// How long mail and reply live after each write.
    pub(super) ttl: Duration,
    nonces: Nonces,
    unknown: Fields,
}

impl RequestMail {
    pub(super) fn new(from: BootId, reply: String, kind: &str, body: Bytes, ttl: Duration) -> Self {
        Self {
            state: RequestState::New,
            from,
            reply,
            kind: kind.to_owned(),
            body,
            ttl,
            nonces: Nonces::default(),
            unknown: Fields::default(),
        }
    }

    pub(super) fn in_state(mut self, state: RequestState) -> Self {
        self.state = state;
        self.body = Bytes::new();
        self
    }
}

impl Record for RequestMail {
    fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut fields = Fields::read(bytes)?;
        let body: String = fields.take("body")?.unwrap_or_default();
        let body = STANDARD
            .decode(body)
            .map_err(|error| FormatError::Malformed(format!("member body: {error}")))?;
        Ok(Self {
            state: fields.require("state")?,
            from: fields.require("from")?,
            reply: fields.require("reply")?,
            kind: fields.require("kind")?,
            body: body.into(),
            ttl: Duration::from_millis(fields.require("ttl_ms")?),
            nonces: fields.take("nonces")?.unwrap_or_default(),
            unknown: fields,
        })
    }

    fn encode(&self, format: u32) -> Result<Vec<u8>, FormatError> {
        let mut fields = Fields::write(format);
        fields.put("state", &self.state)?;
        fields.put("from", &self.from)?;
        fields.put("reply", &self.reply)?;
        fields.put("kind", &self.kind)?;
        if !self.body.is_empty() {
            fields.put("body", &STANDARD.encode(&self.body))?;
        }
        fields.put("ttl_ms", &u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX))?;
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
