//! Subscriptions of sessions to resources.

use mcpg_capabilities::sessions::{SessionError, SessionId};
use mcpg_capabilities::subscriptions::{NotJoined, NotSubscribed, SubscriptionError, SubscriptionName};
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::version::Era;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use tracing::debug;

use super::catalogue::Origin;
use super::core::Router;
use super::execute::empty;
use super::forward::call_error;
use super::sessions::session_error;
use super::start::{Client, SessionRef, Subject};
use crate::exchange::{CallError, Outcome};
use crate::upstream::UpstreamError;

/// As whom the gateway subscribes: with the one set of credentials that the configuration gives it.
const CREDENTIALS: &str = "configured";

/// What is noted of a subscription, to be left when its session has ended.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Subscribed {
    /// The resource.
    pub(super) subscription: String,
    /// The name of the session.
    pub(super) session: String,
}

pub(super) fn subscription(upstream: &str, uri: &str) -> SubscriptionName {
    SubscriptionName::new(upstream, CREDENTIALS, uri)
}

impl Router {
    /// `resources/subscribe`. When it is answered, every update that follows reaches the session.
    pub(super) async fn subscribe(&self, subject: Subject, client: &Client) -> Outcome {
        let (uri, _) = subject.addressed()?;
        let session = session_of(client)?;
        let catalogue = self.catalogue.load_full();
        let origin = self.holder(&catalogue, Era::Legacy, &uri)?.origin();
        if session.record.subscriptions.len() >= self.max_subscriptions
            && !session.record.subscriptions.contains(&uri)
        {
            // One that was remembered may lack the latest change.
            let record = self.sessions.current(&session.id).await.map_err(session_error)?;
            if record.subscriptions.len() >= self.max_subscriptions {
                return Err(self.too_many().into());
            }
        }
        // What the configuration says never changes while the gateway runs.
        let Origin::Upstream(at) = origin else {
            self.record_subscription(&session.id, &uri).await?;
            return Ok(empty());
        };
        let upstream = self.members[at].0.name.clone();
        let noted = noted(&session.id, &uri)?;
        let noting = self.sessions.note_opened(&session.id, &upstream, &noted);
        noting.await.map_err(session_error)?;
        let name = subscription(&upstream, &uri);
        let joined = self.subscriptions.join(&name, session.id.name()).await;
        let recorded = match joined {
            Ok(()) => self.record_subscription(&session.id, &uri).await,
            Err(error) => Err(not_joined(&upstream, error)),
        };
        if let Err(error) = recorded {
            self.undo(&session.id, &name, &noted).await;
            return Err(error);
        }
        self.wants_changed(&session.id).await?;
        Ok(empty())
    }

    /// `resources/unsubscribe`.
    pub(super) async fn unsubscribe(&self, subject: Subject, client: &Client) -> Outcome {
        let (uri, _) = subject.addressed()?;
        let session = session_of(client)?;
        let catalogue = self.catalogue.load_full();
        let origin = self
            .holder(&catalogue, Era::Legacy, &uri)
            .map(|holder| holder.origin());
        let upstream = match &origin {
            Ok(Origin::Upstream(at)) => Some(self.members[*at].0.name.clone()),
            _ => None,
        };
        let name = upstream.as_deref().map(|upstream| subscription(upstream, &uri));
        let interest = match &name {
            // Before the session says that it wants it no more: who subscribes again meanwhile writes another one.
            Some(name) => {
                let interest = self.subscriptions.interest(name, session.id.name()).await;
                interest.map_err(not_recorded)?
            }
            None => None,
        };
        let mut was_subscribed = false;
        let changed = self.sessions.change(&session.id, |record| {
            was_subscribed = record.subscriptions.shift_remove(&uri);
            was_subscribed
        });
        changed.await.map_err(session_error)?;
        if !was_subscribed {
            // Whoever was never subscribed learns whether there is such a resource.
            return origin.map(|_| empty()).map_err(CallError::from);
        }
        if let (Some(name), Some(version)) = (&name, interest) {
            let left = self.subscriptions.leave(name, session.id.name(), version).await;
            if let Err(error) = left {
                debug!(message = "A subscription is left when its session ends.", %error);
            } else if let Err(error) = self
                .sessions
                .note_closed(&session.id, name.upstream(), &noted(&session.id, &uri)?)
                .await
            {
                debug!(message = "A subscription is left once more when its session ends.", %error);
            }
        }
        self.wants_changed(&session.id).await?;
        Ok(empty())
    }

    /// Keeps in the session what its client subscribed to, so that every replica knows.
    async fn record_subscription(&self, session: &SessionId, uri: &str) -> Result<(), CallError> {
        let mut is_full = false;
        let changed = self.sessions.change(session, |record| {
            let is_new = !record.subscriptions.contains(uri);
            is_full = is_new && record.subscriptions.len() >= self.max_subscriptions;
            is_new && !is_full && record.subscriptions.insert(uri.to_owned())
        });
        changed.await.map_err(session_error)?;
        if is_full {
            return Err(self.too_many().into());
        }
        Ok(())
    }

    fn too_many(&self) -> ErrorObject {
        let most = self.max_subscriptions;
        ErrorObject::invalid_request(format!(
            "a session cannot have more than {most} subscriptions: unsubscribe from others first"
        ))
    }

    /// Takes back an interest of a session that is not subscribed. What cannot be taken back is left when it ends.
    async fn undo(&self, session: &SessionId, name: &SubscriptionName, noted: &RawValue) {
        match self.sessions.current(session).await {
            Ok(record) if record.subscriptions.contains(name.uri()) => return,
            Ok(_) | Err(SessionError::Unknown) => {}
            Err(_) => return,
        }
        if let Err(error) = self.subscriptions.leave_for_good(name, session.name()).await {
            debug!(message = "A subscription that failed is left when its session ends.", %error);
            return;
        }
        if let Err(error) = self.sessions.note_closed(session, name.upstream(), noted).await {
            debug!(message = "A subscription that failed is left once more when its session ends.", %error);
        }
    }

    /// Leaves the subscription of a session that has ended; `false`: not now.
    pub(super) async fn leave_subscription(&self, upstream: &str, left: &Subscribed) -> bool {
        let name = subscription(upstream, &left.subscription);
        match self.subscriptions.leave_for_good(&name, &left.session).await {
            Ok(()) => true,
            Err(error) => {
                debug!(message = "A subscription of a session that ended is left later.", upstream, %error);
                false
            }
        }
    }

    /// Keeps alive the interest of a session that lives.
    pub(super) async fn keep_subscription(&self, upstream: &str, kept: &Subscribed) {
        let name = subscription(upstream, &kept.subscription);
        if let Err(error) = self.subscriptions.keep_interest(&name, &kept.session).await {
            debug!(message = "The interest of a session is kept later.", upstream, %error);
        }
    }
}

fn session_of(client: &Client) -> Result<&SessionRef, ErrorObject> {
    let session = client.session.as_ref();
    session.ok_or_else(|| ErrorObject::internal("no client session"))
}

fn noted(session: &SessionId, uri: &str) -> Result<Box<RawValue>, ErrorObject> {
    let noted = Subscribed {
        subscription: uri.to_owned(),
        session: session.name().to_owned(),
    };
    to_raw_value(&noted).map_err(ErrorObject::internal)
}

fn not_joined(upstream: &str, error: NotJoined) -> CallError {
    match error {
        NotJoined::Upstream(NotSubscribed::Refused(error)) => {
            call_error(upstream, UpstreamError::Rpc(error), Era::Legacy)
        }
        NotJoined::Upstream(error) => {
            debug!(message = "An upstream was not subscribed to.", upstream, %error);
            ErrorObject::upstream_unavailable(upstream).into()
        }
        NotJoined::Record(error) => not_recorded(error),
        other => ErrorObject::internal(other).into(),
    }
}

fn not_recorded(error: SubscriptionError) -> CallError {
    match error {
        SubscriptionError::Broken(_) => {
            ErrorObject::internal_with_reason("coordinator", error.to_string()).into()
        }
        other => CallError::NotStarted(other.to_string()),
    }
}
