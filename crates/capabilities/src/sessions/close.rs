//! Closing sessions, whoever asks: a client's DELETE, another replica that found it half done, or the reaper.
//!
//! 1. The record becomes a tombstone that lives as long as the session would have: longer than any write of it may be
//!    sent again.
//! 2. The closing is put into the feed of the fleet.
//! 3. No replica uses what it remembers any more: all have said so, or their views have run out.
//! 4. What was opened elsewhere is closed in the background; `closing/<session>` makes that certain.
//!
//! Whoever meets a tombstone does 2 to 4 again before he says that the session is gone: the one who made it may have
//! died before the feed.

use std::sync::Arc;
use std::time::Duration;

use mcpg_cluster::Expect;
use mcpg_metrics::table::SESSIONS_CLOSED;
use serde_json::value::RawValue;
use tracing::{debug, warn};

use super::closing::Closer;
use super::directory::{ATTEMPTS, Sessions, key};
use super::error::SessionError;
use super::id::{SessionDigest, SessionId};
use super::record::{SessionRecord, SessionState};
use crate::principal::Principal;
use crate::store::{Stored, WriteError};
use crate::weakness::{self, Weakness};

impl Sessions {
    /// Says who closes what was opened at upstreams. To be called once, before anything is opened.
    pub fn close_with(&self, closer: Arc<dyn Closer>) {
        if self.closer.set(closer).is_err() {
            warn!("Sessions were given a second way to close what they opened; the first one is used.");
        }
    }

    /// Notes that `opened` stands open at `upstream` for this session. It must be noted before the session's record
    /// says so.
    ///
    /// # Errors
    /// Why it could not be noted; then `opened` is to be closed at once.
    pub async fn note_opened(
        &self,
        id: &SessionId,
        upstream: &str,
        opened: &RawValue,
    ) -> Result<(), SessionError> {
        self.closing.add(id.name(), upstream, opened).await
    }

    /// Notes that what was noted as opened is closed, while the session lives.
    ///
    /// # Errors
    /// Why it could not be noted; then it is closed once more when the session ends.
    pub async fn note_closed(
        &self,
        id: &SessionId,
        upstream: &str,
        opened: &RawValue,
    ) -> Result<(), SessionError> {
        self.closing.remove(id.name(), upstream, opened).await
    }

    /// Closes a session for good. When this returns, with success or as [`SessionError::Unknown`], every request that
    /// arrives later, at any replica, finds it gone. Of several callers exactly one succeeds.
    ///
    /// # Errors
    /// [`SessionError::Unknown`] when it was gone already or is not of this principal, else why that could not be settled.
    pub async fn close(self: &Arc<Self>, principal: &Principal, id: &str) -> Result<SessionId, SessionError> {
        let id = SessionId::verify(&self.parts.mac, principal, id).ok_or(SessionError::Unknown)?;
        self.require_trust()?;
        match self.entomb(&id).await {
            Ok(()) => {
                SESSIONS_CLOSED.count(&["deleted"]);
                self.finish_close(&id).await?;
                Ok(id)
            }
            Err(Entombed::Before) => {
                if weakness::has(Weakness::WaitsOnly) {
                    tokio::time::sleep(Duration::from_secs(3)).await;
                    return Err(SessionError::Unknown);
                }
                self.finish_close(&id).await?;
                Err(SessionError::Unknown)
            }
            Err(Entombed::Failed(error)) => Err(error),
        }
    }

    /// Steps two to four. The record must be a tombstone.
    pub(super) async fn finish_close(self: &Arc<Self>, id: &SessionId) -> Result<(), SessionError> {
        self.parts
            .view
            .announce_closed(id.name())
            .await
            .map_err(WriteError::<SessionRecord>::from_read)?;
        let (sessions, id) = (Arc::clone(self), id.clone());
        self.leftovers
            .spawn(async move { sessions.close_opened(id.name()).await });
        Ok(())
    }

    /// Waits until what was opened for closed sessions is closed too, as far as it can be. Whoever stops waiting loses
    /// nothing where the coordinator lives on: it stays noted.
    pub async fn leftovers_closed(&self) {
        self.leftovers.close();
        self.leftovers.wait().await;
    }

    /// Closes at the upstreams what was opened for a session that is gone. What cannot be closed now stays noted; says
    /// whether this call has removed the note.
    pub(super) async fn close_opened(&self, session: &str) -> bool {
        let Some(closer) = self.closer.get() else {
            return false;
        };
        let are_closed = closer.close_streams(session).await;
        let noted = match self.closing.read(session).await {
            Ok(Some(noted)) => noted,
            Ok(None) => return false,
            Err(error) => {
                debug!(message = "What a closed session leaves behind could not be read.", session = %SessionDigest::of(session), %error);
                return false;
            }
        };
        let mut all_closed = are_closed;
        for (upstream, opened) in &noted.record.upstreams {
            all_closed &= closer.close_upstream(upstream, opened).await;
        }
        all_closed && self.closing.done(session, noted.version).await
    }

    /// Keeps alive what was opened for a session that lives.
    pub(super) async fn keep_opened(&self, session: &str) -> Result<(), SessionError> {
        let Some(closer) = self.closer.get() else {
            return Ok(());
        };
        if let Some(noted) = self.closing.read(session).await? {
            for (upstream, opened) in &noted.record.upstreams {
                closer.keep(upstream, opened).await;
            }
        }
        Ok(())
    }

    async fn entomb(&self, id: &SessionId) -> Result<(), Entombed> {
        let mut stored = self.read_for_certain(id).await.map_err(Entombed::Failed)?;
        for attempt in 0..ATTEMPTS {
            let Some(Stored { record, version }) = stored else {
                return Err(Entombed::Failed(self.absent(id).await));
            };
            if record.state == SessionState::Closing {
                return Err(Entombed::Before);
            }
            let mut tombstone = record;
            tombstone.state = SessionState::Closing;
            let expect = Expect::Version(version);
            if weakness::has(Weakness::LeavesNoTombstone) {
                let _ = self.parts.key_value.delete(&key(id), expect).await;
                return Ok(());
            }
            let ttl = if weakness::has(Weakness::ShortTombstone) {
                Duration::from_secs(1)
            } else {
                self.record_ttl()
            };
            match self.writer.write(&key(id), tombstone, expect, Some(ttl)).await {
                Ok(_) => return Ok(()),
                Err(WriteError::Conflict(other)) => {
                    let next = self.after_conflict(id, other, attempt).await;
                    stored = next.map_err(Entombed::Failed)?;
                }
                Err(error) => return Err(Entombed::Failed(error.into())),
            }
        }
        let why = format!("{ATTEMPTS} closes in a row met another writer");
        Err(Entombed::Failed(SessionError::Broken(why)))
    }
}

/// Why this caller did not close the session.
enum Entombed {
    /// Somebody else did.
    Before,
    Failed(SessionError),
}
