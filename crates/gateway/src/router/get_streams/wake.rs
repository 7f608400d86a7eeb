//! Telling the holders of streams, here and elsewhere, that there is something to look at.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use mcpg_capabilities::calls::Version;
use mcpg_capabilities::delivery::get::{self, Living as _};
use mcpg_capabilities::mailbox::Note;
use mcpg_capabilities::owner::BootId;
use mcpg_capabilities::sessions::{SessionError, SessionId};
use tokio::time::sleep;
use tracing::debug;

use super::super::core::Router;

/// How often it is looked whether those who held earlier streams are still there.
const ROUND: Duration = Duration::from_secs(1);

impl Router {
    /// Lets the replicas that hold streams of a session look at its record. What was written stands; who misses a note
    /// finds it at its own next look.
    pub(super) async fn wake_holders(&self, session: &str, boots: &[BootId], version: Version) {
        let boots: HashSet<&BootId> = boots.iter().collect();
        let note = Note {
            at: get::key(session),
            version,
        };
        join_all(boots.into_iter().map(async |boot: &BootId| {
            if *boot == *self.heads.replica.boot() {
                self.look_at_streams(session, Some(version)).await;
            } else if let Err(error) = self.mailbox.wake(boot, &note).await {
                debug!(message = "The holder of a GET stream could not be woken.", %boot, %error);
            }
        }))
        .await;
    }

    /// Looks at what this replica holds of a session.
    pub(in crate::router) async fn look_at_streams(&self, session: &str, version: Option<Version>) {
        let held = self.gets.held.of(session);
        for stream in &held {
            stream.wake(version);
        }
        let reads = self.gets.claims.wake(session);
        if held.is_empty() && !reads {
            // Told of something that is not here: a write may have arrived after its connection was closed.
            if let Err(error) = self.gets.streams.detach_strays(session, &[]).await {
                debug!(message = "A GET stream that nobody holds could not be let go of yet.", %error);
            }
        }
    }

    /// Lets everything that this replica holds be looked at.
    pub(in crate::router) fn look_at_all_streams(&self) {
        for stream in self.gets.held.all() {
            stream.wake(None);
        }
        self.gets.claims.wake_all();
    }

    /// A session was closed: nothing of it goes on here.
    pub(in crate::router) fn end_streams(&self, session: &str) {
        for stream in self.gets.held.of(session) {
            stream.closed.cancel();
        }
        self.gets.claims.end(session);
    }

    /// Closings may have been missed, so the sessions whose streams are held here are looked at.
    pub(in crate::router) fn verify_streams(self: &Arc<Self>) {
        let held = self.gets.held.all();
        let read = self.gets.claims.sessions();
        let read = read
            .iter()
            .filter_map(|name| SessionId::from_name(&self.heads.mac, name));
        let held = held.iter().map(|stream| stream.session().id.clone());
        let sessions: HashSet<_> = held.chain(read).collect();
        for session in sessions {
            let router = Arc::clone(self);
            self.tasks.spawn(async move {
                if let Err(SessionError::Unknown) = router.sessions.current(&session).await {
                    router.end_streams(session.name());
                }
            });
        }
    }

    /// Closes the record of a session that was closed.
    pub(in crate::router) async fn close_streams(&self, session: &str) -> bool {
        self.gets.close(session).await
    }

    /// Looks again at streams before which others were held by replicas that are gone, until the gateway stops: they may
    /// be the first ones of their sessions now.
    pub(crate) fn follow_streams(self: &Arc<Self>) {
        let router = Arc::clone(self);
        self.tasks.spawn(async move {
            let stop = router.stop.clone();
            while stop.run_until_cancelled(sleep(ROUND)).await.is_some() {
                let _ = stop.run_until_cancelled(router.look_for_the_gone()).await;
            }
        });
    }

    async fn look_for_the_gone(&self) {
        let streams = self.gets.held.all();
        let owners: HashSet<_> = streams.iter().flat_map(|stream| stream.before()).collect();
        let mut gone = HashSet::new();
        for owner in owners {
            match self.heads.replica.lives(&owner).await {
                Ok(true) => {}
                Ok(false) => drop(gone.insert(owner)),
                Err(error) => debug!(message = "The holder of a GET stream could not be asked for.", %error),
            }
        }
        for stream in streams {
            if stream.before().iter().any(|owner| gone.contains(owner)) {
                stream.wake(None);
            }
        }
    }
}
