//! What is about a session and no call, wherever its process runs.

use mcpg_capabilities::owner::Judge;
use serde_json::value::RawValue;
use tracing::debug;

use super::words::{CLOSE, NOTIFY, Reply, SessionMail};
use crate::exchange::{CallError, Caller, Outgoing};
use crate::router::core::Router;
use crate::upstream::{Home, Session, UpstreamError, Via};

impl Router {
    /// Where the process of a session runs, when that is not here.
    fn away<'s>(&self, session: &'s Session) -> Option<&'s Home> {
        let home = session.home.as_ref()?;
        (home.boot != *self.heads.replica.boot()).then_some(home)
    }

    /// Sends a request through a session, wherever its process runs.
    pub(in crate::router) async fn request_in(
        &self,
        at: usize,
        session: &Session,
        outgoing: &Outgoing,
        caller: &Caller,
    ) -> Result<Result<Box<RawValue>, UpstreamError>, CallError> {
        match self.away(session) {
            // Boxed: its future is large, and most sessions are at home everywhere.
            Some(home) => Box::pin(self.request_elsewhere(at, home, session, outgoing, caller)).await,
            None => {
                let upstream = &self.members[at].1;
                Ok(upstream.request(Via::Session(session), outgoing, caller).await)
            }
        }
    }

    /// Sends a notification through a session, wherever its process runs.
    pub(in crate::router) async fn notify_in(&self, at: usize, session: &Session, method: &str) {
        let (federation, upstream) = &self.members[at];
        if let Some(home) = self.away(session) {
            let mail = SessionMail {
                upstream: federation.name.clone(),
                session: session.clone(),
                method: Some(method.to_owned()),
            };
            self.post(&home.boot, NOTIFY, &mail).await;
        } else if let Err(error) = upstream.notify(Via::Session(session), method, None).await {
            debug!(message = "An upstream did not take a notification.", upstream = federation.name, %error);
        }
    }

    /// Closes a session, wherever its process runs; `false`: not now.
    pub(in crate::router) async fn close_in(&self, at: usize, session: &Session) -> bool {
        let (federation, upstream) = &self.members[at];
        let Some(home) = self.away(session) else {
            return upstream.close(session).await;
        };
        // A process ends with the replica that runs it. Who cannot be judged now is written to.
        if self.heads.replica.is_dead(&home.owner).await.unwrap_or(false) {
            return true;
        }
        let mail = SessionMail {
            upstream: federation.name.clone(),
            session: session.clone(),
            method: None,
        };
        let reply = self.post(&home.boot, CLOSE, &mail).await;
        matches!(reply, Some(Reply::Accepted | Reply::Gone))
    }
}
