//! What must be closed when a session has ended, however it ended.
//!
//! `closing/<session>` names the upstream sessions that were opened for a client session. An entry is written before
//! the session's record names what it points to, and lives twice as long as the record: when a session expires, or its
//! DELETE is cut off half way, the reaper finds here what is left to do.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mcpg_cluster::{Cursor, ErrorKind, Expect, Key, KeyValue, Version};
use serde_json::value::RawValue;

use super::error::SessionError;
use crate::store::{Fields, FormatError, Nonces, Record, Stored, WriteError, Writer};

const SCOPE: &str = "closing";
const PAGE: usize = 100;
const ATTEMPTS: usize = 64;

/// Closes what was opened elsewhere for a session.
#[async_trait]
pub trait Closer: Send + Sync {
    /// Closes one session at the upstream named `upstream`; closing it again must do no harm. `false`: not now.
    async fn close_upstream(&self, upstream: &str, session: &RawValue) -> bool;

    /// Closes what is kept of the session's streams; doing it again must do no harm. `false`: not now.
    async fn close_streams(&self, _session: &str) -> bool {
        true
    }

    /// Keeps alive what was opened, for a session that lives. Of interest only for what would expire by itself.
    async fn keep(&self, _upstream: &str, _opened: &RawValue) {}
}

/// The upstream sessions of one client session.
#[derive(Clone, Debug, Default)]
pub(super) struct ClosingRecord {
    pub(super) upstreams: Vec<(String, Box<RawValue>)>,
    nonces: Nonces,
    unknown: Fields,
}

impl Record for ClosingRecord {
    fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut fields = Fields::read(bytes)?;
        Ok(Self {
            upstreams: fields.require("upstreams")?,
            nonces: fields.take("nonces")?.unwrap_or_default(),
            unknown: fields,
        })
    }

    fn encode(&self, format: u32) -> Result<Vec<u8>, FormatError> {
        let mut fields = Fields::write(format);
        fields.put("upstreams", &self.upstreams)?;
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

impl ClosingRecord {
    fn names(&self, upstream: &str, session: &RawValue) -> bool {
        self.upstreams
            .iter()
            .any(|(name, known)| name == upstream && known.get() == session.get())
    }
}

/// The entries under `closing/`.
#[derive(Debug)]
pub(super) struct ClosingIndex {
    writer: Writer,
    key_value: super::directory::KeyValueHandle,
    ttl: Duration,
}

/// A page of entries: names of sessions and the versions of their entries.
pub(super) struct ClosingPage {
    pub(super) sessions: Vec<(String, Version)>,
    pub(super) next: Option<Cursor>,
}

impl ClosingIndex {
    pub(super) fn new(key_value: Arc<dyn KeyValue>, writer: Writer, record_ttl: Duration) -> Self {
        Self {
            writer,
            key_value: super::directory::KeyValueHandle(key_value),
            ttl: record_ttl * 2,
        }
    }

    /// Adds an upstream session to the entry of a client session. In the usual case, a first one, this is one write.
    pub(super) async fn add(
        &self,
        session: &str,
        upstream: &str,
        opened: &RawValue,
    ) -> Result<(), SessionError> {
        let mut stored: Option<Stored<ClosingRecord>> = None;
        for _ in 0..ATTEMPTS {
            let (mut record, expect) = match stored.take() {
                None => (ClosingRecord::default(), Expect::Absent),
                Some(stored) if stored.record.names(upstream, opened) => return Ok(()),
                Some(stored) => (stored.record, Expect::Version(stored.version)),
            };
            record.upstreams.push((upstream.to_owned(), opened.to_owned()));
            match self
                .writer
                .write(&key(session), record, expect, Some(self.ttl))
                .await
            {
                Ok(_) => return Ok(()),
                Err(WriteError::Conflict(other)) => stored = other,
                Err(error) => return Err(error.into()),
            }
        }
        Err(SessionError::Broken(format!(
            "{ATTEMPTS} entries in a row met another writer"
        )))
    }

    /// Removes what was closed while its session lives.
    pub(super) async fn remove(
        &self,
        session: &str,
        upstream: &str,
        opened: &RawValue,
    ) -> Result<(), SessionError> {
        let mut stored = self.read(session).await?;
        for _ in 0..ATTEMPTS {
            let Some(Stored { mut record, version }) = stored.filter(|it| it.record.names(upstream, opened))
            else {
                return Ok(());
            };
            record
                .upstreams
                .retain(|(name, known)| name != upstream || known.get() != opened.get());
            let expect = Expect::Version(version);
            match self
                .writer
                .write(&key(session), record, expect, Some(self.ttl))
                .await
            {
                Ok(_) => return Ok(()),
                Err(WriteError::Conflict(other)) => stored = other,
                Err(error) => return Err(error.into()),
            }
        }
        Err(SessionError::Broken(format!(
            "{ATTEMPTS} entries in a row met another writer"
        )))
    }

    /// What is to be closed for a session.
    pub(super) async fn read(&self, session: &str) -> Result<Option<Stored<ClosingRecord>>, SessionError> {
        Ok(self.writer.read(&key(session)).await?)
    }

    /// Removes the entry when it still is the one whose work was done. Otherwise somebody added to it or removed it, or
    /// it will be found again.
    pub(super) async fn done(&self, session: &str, version: Version) -> bool {
        let removed = self
            .key_value
            .0
            .delete(&key(session), Expect::Version(version))
            .await;
        removed.is_ok()
    }

    /// Gives an entry its full life again.
    pub(super) async fn keep(&self, session: &str, version: Version) -> Result<(), SessionError> {
        match self.key_value.0.touch(&key(session), self.ttl, version).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            Err(error) => Err(WriteError::<ClosingRecord>::from_read(error).into()),
        }
    }

    /// Lists the entries.
    pub(super) async fn page(&self, cursor: Option<&Cursor>) -> Result<ClosingPage, SessionError> {
        let listed = self.key_value.0.list(SCOPE.as_bytes(), b"", cursor, PAGE).await;
        let page = listed.map_err(WriteError::<ClosingRecord>::from_read)?;
        let sessions = page
            .entries
            .into_iter()
            .filter_map(|named| {
                let session = String::from_utf8(named.name.to_vec()).ok()?;
                Some((session, named.entry.version))
            })
            .collect();
        Ok(ClosingPage {
            sessions,
            next: page.next,
        })
    }
}

fn key(session: &str) -> Key {
    Key::new(SCOPE, Bytes::copy_from_slice(session.as_bytes()))
}
