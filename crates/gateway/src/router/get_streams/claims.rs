//! Reading the GET streams of upstream sessions, each on one replica for the whole fleet.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mcpg_capabilities::delivery::get::{Claim, Claimant};
use mcpg_capabilities::replica::Validity;
use mcpg_capabilities::sessions::{SessionError, SessionId};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::super::core::Router;
use super::super::sessions::recorded;
use super::pass_on::Reading;
use crate::upstream::Session;

/// The pauses while the coordinator cannot be reached.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The upstream streams that this replica reads, by client session and upstream.
#[derive(Default)]
pub(super) struct Claims {
    running: Mutex<HashMap<String, HashMap<usize, Arc<Reader>>>>,
}

/// Somebody who reads one stream.
#[derive(Default)]
pub(super) struct Reader {
    /// The record was changed: there may be answers to pass on.
    pub(super) look: Notify,
    /// The session was closed.
    ended: CancellationToken,
}

/// Why a stream is not read any more, at least not like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// It is opened again by whoever may.
    Again,
    /// The upstream has no such stream, or nothing to say in that session any more.
    Never,
    /// Another replica reads it.
    Theirs,
    /// The client's session is gone.
    Closed,
}

impl Claims {
    /// Registers a reader; `None` where there is one.
    fn begin(&self, session: &str, at: usize) -> Option<Arc<Reader>> {
        let mut running = self.running.lock();
        let of_session = running.entry(session.to_owned()).or_default();
        if of_session.contains_key(&at) {
            return None;
        }
        let reader = Arc::<Reader>::default();
        of_session.insert(at, Arc::clone(&reader));
        Some(reader)
    }

    fn finish(&self, session: &str, at: usize) {
        let mut running = self.running.lock();
        if let Some(of_session) = running.get_mut(session) {
            of_session.remove(&at);
            if of_session.is_empty() {
                running.remove(session);
            }
        }
    }

    /// Lets the readers of a session look; whether there are any.
    pub(super) fn wake(&self, session: &str) -> bool {
        let running = self.running.lock();
        let readers = running.get(session);
        for reader in readers.into_iter().flat_map(HashMap::values) {
            reader.look.notify_one();
        }
        readers.is_some()
    }

    pub(super) fn wake_all(&self) {
        let running = self.running.lock();
        for reader in running.values().flat_map(HashMap::values) {
            reader.look.notify_one();
        }
    }

    pub(super) fn end(&self, session: &str) {
        let running = self.running.lock();
        for reader in running.get(session).into_iter().flat_map(HashMap::values) {
            reader.ended.cancel();
        }
    }

    /// The names of the sessions for which streams are read.
    pub(super) fn sessions(&self) -> Vec<String> {
        self.running.lock().keys().cloned().collect()
    }
}

impl Router {
    /// Reads the stream that the upstream `at` has for a client session, unless another replica does.
    pub(in crate::router) fn read_unrelated(self: &Arc<Self>, at: usize, session: SessionId) {
        if self.members[at].1.is_child() {
            return;
        }
        let Some(reader) = self.gets.claims.begin(session.name(), at) else {
            return;
        };
        let router = Arc::clone(self);
        self.tasks.spawn(async move {
            let reading = router.read_until_stopped(at, &session, &reader);
            let stopped = tokio::select! {
                biased;
                () = router.stop.cancelled() => Stopped::Again,
                () = reader.ended.cancelled() => Stopped::Closed,
                stopped = reading => stopped,
            };
            debug!(message = "The stream of an upstream session is read no more here.", %session, ?stopped);
            router.gets.claims.finish(session.name(), at);
        });
    }

    /// The same for what a sweeper has claimed for this replica.
    pub(super) fn read_claimed(self: &Arc<Self>, session: &str, upstream: &str) {
        let at = self
            .members
            .iter()
            .position(|(federation, _)| federation.name == upstream);
        let session = SessionId::from_name(&self.heads.mac, session);
        if let (Some(at), Some(session)) = (at, session) {
            self.read_unrelated(at, session);
        }
    }

    async fn read_until_stopped(
        self: &Arc<Self>,
        at: usize,
        session: &SessionId,
        reader: &Reader,
    ) -> Stopped {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.claim_and_read(at, session, reader, &mut pause).await {
                Stopped::Again => {}
                stopped => return stopped,
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn claim_and_read(
        self: &Arc<Self>,
        at: usize,
        session: &SessionId,
        reader: &Reader,
        pause: &mut Duration,
    ) -> Stopped {
        let name = self.members[at].0.name.as_str();
        let record = match self.sessions.current(session).await {
            Ok(record) => record,
            Err(SessionError::Unknown) => return Stopped::Closed,
            Err(_) => return Stopped::Again,
        };
        // One without an id is no session that the upstream could keep anything for.
        let upstream_session: Session = match recorded(&record, name) {
            Ok(Some(known)) if known.id.is_some() => known,
            _ => return Stopped::Never,
        };
        let Some((claimant, lease)) = self.claimant() else {
            return Stopped::Again;
        };
        let of = mark(&upstream_session);
        let streams = &self.gets.streams;
        let claim = streams.claim_upstream(session.name(), name, &of, &claimant).await;
        let (place, claimed) = match claim {
            Ok(Claim::Mine { place, version, wake }) => {
                self.wake_holders(session.name(), &wake, version).await;
                (place, version)
            }
            Ok(Claim::Theirs) => return Stopped::Theirs,
            Ok(Claim::Closed) => return Stopped::Closed,
            Err(error) => {
                debug!(message = "The stream of an upstream session could not be claimed yet.", %session, %error);
                return Stopped::Again;
            }
        };
        *pause = FIRST_PAUSE;
        let reading = Reading {
            router: self,
            at,
            session,
            upstream_session: &upstream_session,
            claimant: &claimant,
            claimed,
        };
        let stopped = tokio::select! {
            biased;
            () = lease.lost() => Stopped::Again,
            stopped = reading.run(place, reader) => stopped,
        };
        if stopped == Stopped::Never {
            let released = streams.release_upstream(session.name(), name, &claimant).await;
            if let Err(error) = released {
                debug!(message = "The stream of an upstream session could not be given up.", %session, %error);
            }
        }
        stopped
    }

    /// This replica as one that claims, and the lease that a claim rests on.
    pub(super) fn claimant(&self) -> Option<(Claimant, Validity)> {
        let (owner, lease) = self.heads.replica.hold()?;
        let boot = self.heads.replica.boot().clone();
        Some((Claimant { owner, boot }, lease))
    }
}

/// Tells two sessions of one upstream apart; nobody learns the id from it.
fn mark(session: &Session) -> String {
    let digest = Sha256::digest(session.id.as_deref().unwrap_or_default());
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
