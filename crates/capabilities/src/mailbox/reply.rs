//! The record of a reply that an asker waits for, and how it is written by others.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use mcpg_cluster::Expect;
use serde::{Deserialize, Serialize};

use super::handle::Mailbox;
use super::names;
use crate::node_topic::WakeUp;
use crate::owner::BootId;
use crate::store::{Fields, FormatError, Nonces, Record, Stored, WriteError};

/// What is known of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReplyState {
    /// Nothing yet.
    Waiting,
    /// It was executed, and this is the answer.
    Answered,
    /// It surely was not executed.
    Refused,
    /// It may have been executed.
    Unknown,
}

/// A reply; written over `Waiting` only.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) state: ReplyState,
    pub(super) body: Bytes,
    nonces: Nonces,
    unknown: Fields,
}

impl Reply {
    pub(super) fn waiting() -> Self {
        Self {
            state: ReplyState::Waiting,
            body: Bytes::new(),
            nonces: Nonces::default(),
            unknown: Fields::default(),
        }
    }
}

impl Record for Reply {
    fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut fields = Fields::read(bytes)?;
        let body: String = fields.take("body")?.unwrap_or_default();
        let body = STANDARD
            .decode(body)
            .map_err(|error| FormatError::Malformed(format!("member body: {error}")))?;
        Ok(Self {
            state: fields.require("state")?,
            body: body.into(),
            nonces: fields.take("nonces")?.unwrap_or_default(),
            unknown: fields,
        })
    }

    fn encode(&self, format: u32) -> Result<Vec<u8>, FormatError> {
        let mut fields = Fields::write(format);
        fields.put("state", &self.state)?;
        if !self.body.is_empty() {
            fields.put("body", &STANDARD.encode(&self.body))?;
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

impl Mailbox {
    /// Writes a reply over the waiting one and wakes the asker. Where the reply is gone, or another stands, nothing
    /// happens: the asker needs none, or has one.
    pub(super) async fn reply(
        &self,
        asker: &BootId,
        name: &str,
        ttl: Duration,
        state: ReplyState,
        body: Bytes,
    ) -> Result<(), WriteError<Reply>> {
        let key = names::key(asker, name);
        let mut stored = self.writer.read::<Reply>(&key).await?;
        while let Some(Stored { record, version }) = stored {
            if record.state != ReplyState::Waiting {
                return Ok(());
            }
            let mut reply = record;
            reply.state = state;
            reply.body = body.clone();
            let expect = Expect::Version(version);
            match self.writer.write(&key, reply, expect, Some(ttl)).await {
                Ok(_) => {
                    let name = name.to_owned();
                    self.publish(asker, &WakeUp::mail(name)).await;
                    return Ok(());
                }
                // A reply is written once, so this goes round twice at the most where reads are up to date.
                Err(WriteError::Conflict(Some(other))) if other.version == version => {
                    return Err(WriteError::Conflict(Some(other)));
                }
                Err(WriteError::Conflict(other)) => stored = other,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
