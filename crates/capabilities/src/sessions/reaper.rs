//! The reaper: closes what sessions left behind that have expired, or whose closing was cut off half way.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use mcpg_cluster::{Moment, Version};
use mcpg_metrics::table::SESSIONS_CLOSED;
use tracing::debug;

use super::closing::ClosingPage;
use super::directory::{Sessions, key};
use super::error::SessionError;
use super::id::{SessionDigest, SessionId};
use super::record::{SessionRecord, SessionState};

const LONGEST_INTERVAL: Duration = Duration::from_secs(60);
const SHORTEST_INTERVAL: Duration = Duration::from_millis(250);
/// How many sessions are dealt with at once: an upstream that hangs must not hold up the sessions of others.
const AT_ONCE: usize = 16;

/// Goes through the sessions that left something behind. One replica at a time does this, as the leader; that two do
/// it for a while harms nobody, because every write of it compares and every close may be repeated.
#[derive(Debug)]
pub struct Reaper {
    sessions: Arc<Sessions>,
    /// When the entries of living sessions were last given their full life.
    kept: HashMap<String, Moment>,
}

impl Reaper {
    /// Makes a reaper of these sessions.
    pub fn new(sessions: Arc<Sessions>) -> Self {
        Self {
            sessions,
            kept: HashMap::new(),
        }
    }

    /// The pause between two rounds.
    pub fn interval(&self) -> Duration {
        let quarter = self.sessions.parts.config.idle_timeout / 4;
        quarter.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL)
    }

    /// Goes through all entries once. One that cannot be dealt with is left to the next round, and holds up nobody.
    ///
    /// # Errors
    /// Why the entries could not be listed; the next round starts anew.
    pub async fn round(&mut self) -> Result<(), SessionError> {
        let mut cursor = None;
        let mut living = HashMap::new();
        loop {
            let ClosingPage { sessions, next } = self.sessions.closing.page(cursor.as_ref()).await?;
            let reaper = &*self;
            let looks = sessions.into_iter().map(|(session, version)| async move {
                let looked = reaper.look_at(&session, version).await;
                (session, looked)
            });
            let mut looks = stream::iter(looks).buffer_unordered(AT_ONCE);
            while let Some((session, looked)) = looks.next().await {
                match looked {
                    Ok(Some(kept)) => drop(living.insert(session, kept)),
                    Ok(None) => {}
                    Err(error) => {
                        debug!(message = "What a session left behind is looked at later.", session = %SessionDigest::of(&session), %error);
                    }
                }
            }
            drop(looks);
            cursor = next;
            if cursor.is_none() {
                self.kept = living;
                return Ok(());
            }
        }
    }

    /// Deals with one entry; for a session that lives, says when its entry was last kept.
    async fn look_at(&self, session: &str, version: Version) -> Result<Option<Moment>, SessionError> {
        let sessions = &self.sessions;
        let Some(id) = SessionId::from_name(&sessions.parts.mac, session) else {
            return Ok(None);
        };
        let stored = sessions.writer.read::<SessionRecord>(&key(&id)).await?;
        match stored.map(|stored| stored.record.state) {
            Some(SessionState::Open) => return self.keep(session, version).await.map(Some),
            Some(SessionState::Closing) => sessions.finish_close(&id).await?,
            None => {
                if sessions.is_surely_absent(&id).await? {
                    debug!(message = "A session has expired.", session = %SessionDigest::of(session));
                    if sessions.close_opened(session).await {
                        SESSIONS_CLOSED.count(&["expired"]);
                    }
                }
            }
        }
        Ok(None)
    }

    async fn keep(&self, session: &str, version: Version) -> Result<Moment, SessionError> {
        let now = self.sessions.parts.view.clock().now();
        let due_after = self.sessions.parts.config.idle_timeout / 2;
        match self.kept.get(session) {
            Some(kept) if now.saturating_since(*kept) < due_after => Ok(*kept),
            _ => {
                self.sessions.closing.keep(session, version).await?;
                self.sessions.keep_opened(session).await?;
                Ok(now)
            }
        }
    }
}
