//! What is about a session and no call, wherever its process runs.

use mcpg_capabilities::owner::Judge;
use mcpg_capabilities::sessions::SessionId;
use serde_json::value::{RawValue, to_raw_value};
use tracing::debug;

use super::words::{CLOSE, NOTIFY, Reply, SessionMail};
use crate::exchange::{CallError, Caller, Outgoing};
use crate::router::core::Router;
use crate::router::sessions::{recorded, session_error};
use crate::router::start::Client;
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
        client: &Client,
        session: &Session,
        outgoing: &Outgoing,
        caller: &Caller,
    ) -> Result<Result<Box<RawValue>, UpstreamError>, CallError> {
        let own = client.session.as_ref().map(|session| &session.id);
        if let (Some(_), Some(own)) = (&session.home, own) {
            // Boxed: its future is large, and most sessions are at home everywhere.
            return Box::pin(self.request_at_home(at, own, session, outgoing, caller)).await;
        }
        let upstream = &self.members[at].1;
        Ok(upstream.request(Via::Session(session), outgoing, caller).await)
    }

    async fn request_at_home(
        &self,
        at: usize,
        client: &SessionId,
        session: &Session,
        outgoing: &Outgoing,
        caller: &Caller,
    ) -> Result<Result<Box<RawValue>, UpstreamError>, CallError> {
        if let Some(home) = self.away(session) {
            let request = self.request_elsewhere(at, home, client, session, outgoing, caller);
            return request.await;
        }
        if !self.stands(at, client, session).await? {
            return Ok(Err(UpstreamError::SessionGone));
        }
        let upstream = &self.members[at].1;
        Ok(upstream.request(Via::Session(session), outgoing, caller).await)
    }

    /// Whether the client's session still goes through `session`, whose process this replica runs.
    ///
    /// While this replica holds the lease with which it opened it, nobody can have taken its place. After that somebody
    /// may have, who called it dead; then the process is ended, so that no client session is in two of them.
    pub(super) async fn stands(
        &self,
        at: usize,
        client: &SessionId,
        session: &Session,
    ) -> Result<bool, CallError> {
        let own = self.home()?;
        if session.home.as_ref() == Some(&own) {
            return Ok(true);
        }
        let (federation, upstream) = &self.members[at];
        let mut stands = false;
        let changed = self.sessions.change(client, |record| {
            let standing = recorded(record, &federation.name).ok().flatten();
            let standing = standing.filter(|standing| standing.id == session.id);
            stands = standing.is_some();
            // From now on it is held with the new lease.
            standing.is_some_and(|standing| {
                standing.home.as_ref() != Some(&own) && {
                    let home = Some(own.clone());
                    let renewed = to_raw_value(&Session { home, ..standing });
                    renewed
                        .map(|renewed| record.upstreams.insert(federation.name.clone(), renewed))
                        .is_ok()
                }
            })
        });
        changed.await.map_err(session_error)?;
        if !stands {
            upstream.close(session).await;
        }
        Ok(stands)
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
