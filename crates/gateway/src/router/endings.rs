//! What happens here when a session ends somewhere.

use std::collections::HashSet;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use mcpg_capabilities::sessions::{Closer, SessionError, SessionId};
use mcpg_capabilities::view::Listener;
use serde_json::value::RawValue;
use tracing::debug;

use super::core::Router;
use super::live::Control;
use super::subscribe::Subscribed;
use crate::upstream::Session;

/// Ends the calls of closed sessions and closes what sessions leave behind at upstreams.
pub(super) struct Endings {
    router: Weak<Router>,
}

impl Endings {
    pub(super) fn of(router: &Arc<Router>) -> Arc<Self> {
        Arc::new(Self {
            router: Arc::downgrade(router),
        })
    }
}

impl Listener for Endings {
    fn closed(&self, session: &str) {
        if let Some(router) = self.router.upgrade() {
            router.abort_calls(session);
            router.end_streams(session);
        }
    }

    /// The lists are not used before they were compared; that begins at once, so that few requests wait for it.
    fn changed(&self, upstream: &str, _version: u64) {
        let Some(router) = self.router.upgrade() else {
            return;
        };
        let mut members = router.members.iter();
        let Some(at) = members.position(|(federation, _)| federation.name == upstream) else {
            return;
        };
        router.announced.drop_lists(at);
        let confirming = Arc::clone(&router);
        router.tasks.spawn(async move {
            let stop = confirming.stop.clone();
            stop.run_until_cancelled(confirming.confirm_lists(at)).await;
        });
    }

    /// Closings may have been missed, so the sessions of the running calls are looked at.
    fn lost(&self) {
        let Some(router) = self.router.upgrade() else {
            return;
        };
        router.announced.drop_all();
        router.streams.followers.look_all();
        router.verify_streams();
        let followed = router.streams.followers.sessions();
        let sessions: HashSet<SessionId> = router.live.sessions().into_iter().chain(followed).collect();
        for session in sessions {
            let at = Arc::clone(&router);
            router.tasks.spawn(async move {
                if let Err(SessionError::Unknown) = at.sessions.current(&session).await {
                    at.abort_calls(session.name());
                }
            });
        }
    }
}

#[async_trait]
impl Closer for Endings {
    async fn close_streams(&self, session: &str) -> bool {
        match self.router.upgrade() {
            Some(router) => router.close_streams(session).await,
            None => false,
        }
    }

    async fn close_upstream(&self, upstream: &str, session: &RawValue) -> bool {
        let Some(router) = self.router.upgrade() else {
            return false;
        };
        let member = router
            .members
            .iter()
            .position(|(federation, _)| federation.name == upstream);
        let Some(member) = member else {
            debug!(
                message = "A session was left behind at an upstream that is configured no more.",
                upstream
            );
            return true;
        };
        if let Ok(left) = serde_json::from_str::<Subscribed>(session.get()) {
            return router.leave_subscription(upstream, &left).await;
        }
        match serde_json::from_str::<Session>(session.get()) {
            Ok(session) => router.close_in(member, &session).await,
            Err(error) => {
                debug!(message = "A session left behind at an upstream cannot be read.", upstream, %error);
                true
            }
        }
    }

    /// Interests expire by themselves, in case nobody ever closes their session.
    async fn keep(&self, upstream: &str, opened: &RawValue) {
        if let Some(router) = self.router.upgrade()
            && let Ok(kept) = serde_json::from_str::<Subscribed>(opened.get())
        {
            router.keep_subscription(upstream, &kept).await;
        }
    }
}

impl Router {
    fn abort_calls(&self, session: &str) {
        for call in self.live.of_session(session) {
            // A full queue belongs to a call that is ending already.
            let _ = call.try_send(Control::CloseSession);
        }
        self.streams.followers.close_session(session);
    }
}
