//! What the gateway itself is subscribed to at an upstream, and what it hears of that.
//!
//! A legacy upstream is subscribed to in the shared session, whose stream the supervisor holds. A modern one is told in a
//! `subscriptions/listen`, which is sent anew when something is added or removed.

use std::convert::Infallible;

use indexmap::IndexSet;
use mcpg_mcp::initialize::ServerCapabilities;
use mcpg_mcp::object::Object;
use mcpg_mcp::version::ProtocolVersion;
use mcpg_mcp::write;
use parking_lot::Mutex;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::core::Upstream;
use super::error::UpstreamError;
use super::peer::Peer;
use super::probe::Found;
use super::sending::Sending;
use super::session::Session;

/// Where the gateway listens at the moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Listened {
    /// The shared session whose stream is held. Not the shared object: whoever has that keeps the session open.
    legacy: Option<Session>,
    /// The revision in which a modern upstream is listened to.
    modern: Option<ProtocolVersion>,
    /// Whether that upstream declares that resources can be subscribed to.
    modern_subscribes: bool,
    /// Grows whenever all that was subscribed to has to be subscribed to anew.
    pub(super) renewals: u64,
}

/// What a modern upstream is listened to for.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    uris: Mutex<IndexSet<String>>,
    /// How often that changed.
    changes: watch::Sender<u64>,
    /// The id of the request that is being answered, and how often it had changed when that was sent.
    sent: Mutex<Option<(String, u64)>>,
    acknowledged: watch::Sender<u64>,
}

impl Wanted {
    fn change(&self, change: impl FnOnce(&mut IndexSet<String>) -> bool) -> Option<u64> {
        let mut uris = self.uris.lock();
        if !change(&mut uris) {
            return None;
        }
        self.changes.send_modify(|changes| *changes += 1);
        Some(*self.changes.borrow())
    }

    fn snapshot(&self) -> (Vec<String>, u64) {
        let uris = self.uris.lock();
        (uris.iter().cloned().collect(), *self.changes.borrow())
    }

    /// A subscription was acknowledged.
    pub(super) fn acknowledged(&self, id: &str) {
        let sent = self.sent.lock();
        if let Some((_, changes)) = sent.as_ref().filter(|(sent, _)| sent == id) {
            self.acknowledged.send_replace(*changes);
        }
    }
}

impl Upstream {
    /// The upstream is held, and where its streams report changes those are open.
    pub(super) fn begin_to_listen(&self, found: &Found) {
        self.listened.send_modify(|listened| {
            listened.legacy = found
                .legacy
                .as_ref()
                .map(|server| Session::clone(&server.session));
            listened.modern = found.modern.as_ref().map(|server| server.version);
            listened.modern_subscribes = found.modern.as_ref().is_some_and(|server| {
                ServerCapabilities::new(&server.about.capabilities).resource_subscriptions()
            });
            listened.renewals += 1;
        });
    }

    /// The upstream is held no more.
    pub(super) fn cease_to_listen(&self) {
        self.listened.send_modify(|listened| {
            listened.legacy = None;
            listened.modern = None;
        });
    }

    /// Whether `session` is the one whose stream is held.
    pub(super) fn listens_in(&self, session: &Session) -> bool {
        self.listened.borrow().legacy.as_ref() == Some(session)
    }

    /// How often everything had to be subscribed to anew, now and whenever that changes.
    pub(crate) fn renewals(&self) -> Renewals {
        let listened = self.listened.subscribe();
        let seen = listened.borrow().renewals;
        Renewals { listened, seen }
    }

    /// Subscribes to a resource where the gateway listens.
    pub(crate) async fn subscribe(&self, uri: &str) -> Result<(), UpstreamError> {
        let limit = self.settings.timing.request;
        let listened = timeout(limit, self.where_to_listen(None)).await;
        let listened = listened.map_err(|_| UpstreamError::not_sent("it cannot be listened to"))?;
        let Some(session) = listened.legacy.clone() else {
            return self.subscribe_modern(uri, listened.modern_subscribes).await;
        };
        match self.ask_about("resources/subscribe", &session, uri).await {
            Err(UpstreamError::SessionGone) => {
                self.signals.suspect();
                let again = timeout(limit, self.where_to_listen(Some(&session))).await;
                match again.ok().and_then(|listened| listened.legacy) {
                    Some(session) => self.ask_about("resources/subscribe", &session, uri).await,
                    None => Err(UpstreamError::not_sent("its session was lost")),
                }
            }
            other => other,
        }
    }

    /// Unsubscribes from a resource. A failure costs the upstream some messages that are ignored here.
    pub(crate) async fn unsubscribe(&self, uri: &str) {
        self.wanted.change(|uris| uris.shift_remove(uri));
        let session = self.listened.borrow().legacy.clone();
        if let Some(session) = session
            && let Err(error) = self.ask_about("resources/unsubscribe", &session, uri).await
        {
            debug!(message = "An upstream was not unsubscribed from.", upstream = self.name(), %error);
        }
    }

    async fn where_to_listen(&self, gone: Option<&Session>) -> Listened {
        let mut listened = self.listened.subscribe();
        let usable = |listened: &Listened| match &listened.legacy {
            Some(session) => Some(session) != gone,
            None => listened.modern.is_some(),
        };
        let found = listened.wait_for(usable).await.map(|listened| listened.clone());
        match found {
            Ok(listened) => listened,
            // The sender lives in `self`.
            Err(_) => std::future::pending().await,
        }
    }

    async fn ask_about(
        &self,
        method: &'static str,
        session: &Session,
        uri: &str,
    ) -> Result<(), UpstreamError> {
        let params = to_raw_value(&serde_json::json!({ "uri": uri }));
        let params = params.map_err(|error| UpstreamError::not_sent(error.to_string()))?;
        let answered = self.ask(Peer::Legacy(session), method, Some(&params)).await;
        answered.map(drop)
    }

    async fn subscribe_modern(&self, uri: &str, is_declared: bool) -> Result<(), UpstreamError> {
        if !is_declared {
            let error = mcpg_mcp::error::ErrorObject::method_not_found("resources/subscribe");
            return Err(UpstreamError::Rpc(error.to_raw()));
        }
        let changes = self
            .wanted
            .change(|uris| uris.insert(uri.to_owned()))
            .unwrap_or_else(|| *self.wanted.changes.borrow());
        if self.is_child() {
            // What is written to a program is read in order.
            return Ok(());
        }
        let mut acknowledged = self.wanted.acknowledged.subscribe();
        let limit = self.settings.timing.request;
        match timeout(
            limit,
            acknowledged.wait_for(|acknowledged| *acknowledged >= changes),
        )
        .await
        {
            Ok(_) => Ok(()),
            Err(_) => {
                self.wanted.change(|uris| uris.shift_remove(uri));
                Err(UpstreamError::lost("it did not acknowledge the subscription"))
            }
        }
    }

    /// Listens to a modern upstream for what is subscribed to, while it is held.
    pub(super) async fn listen_for_resources(&self, found: &Found) -> Infallible {
        let Some(server) = found.modern.as_ref().filter(|_| found.legacy.is_none()) else {
            return std::future::pending().await;
        };
        let peer = Peer::Modern(server.version);
        let mut changes = self.wanted.changes.subscribe();
        loop {
            let (uris, changed) = self.wanted.snapshot();
            if uris.is_empty() {
                let _ = changes.wait_for(|changes| *changes != changed).await;
                continue;
            }
            let id = self.mint.id();
            *self.wanted.sent.lock() = Some((id.as_json().to_owned(), changed));
            let params = listening_for(&uris);
            let sending = Sending {
                id: &id,
                method: "subscriptions/listen",
                name: None,
                parameter_headers: &[],
                body: self.own_body(peer, &id, "subscriptions/listen", Some(&params)),
                caller: None,
            };
            let is_changed = async {
                // The sender lives in `self`.
                let _ = changes.wait_for(|changes| *changes != changed).await;
            };
            tokio::select! {
                () = is_changed => self.cancel_listening(peer, &id).await,
                _ = self.exchange(peer, sending) => sleep(self.settings.timing.reopen).await,
            }
            // Between two streams nobody listens.
            uris.iter().for_each(|uri| self.signals.resource_updated(uri));
        }
    }

    /// Over HTTP the end of the connection says it.
    async fn cancel_listening(&self, peer: Peer<'_>, id: &mcpg_mcp::id::RequestId) {
        if !self.is_child() {
            return;
        }
        let params = RawValue::from_string(format!(r#"{{"requestId":{}}}"#, id.as_json()));
        let params = params.expect("the JSON of an id inside an object is JSON");
        let message = write::notification("notifications/cancelled", Some(&params));
        if let Err(error) = self.post_message(peer, message).await {
            debug!(message = "A subscription was not cancelled.", upstream = self.name(), %error);
        }
    }
}

fn listening_for(uris: &[String]) -> Box<RawValue> {
    let mut wanted = Object::new();
    if let Ok(uris) = to_raw_value(uris) {
        wanted.set("resourceSubscriptions", uris);
    }
    let mut params = Object::new();
    params.set("notifications", wanted.to_raw());
    params.to_raw()
}

/// Tells when everything has to be subscribed to anew.
#[derive(Debug)]
pub(crate) struct Renewals {
    listened: watch::Receiver<Listened>,
    seen: u64,
}

impl Renewals {
    /// Waits for the next time, counted from the last one that was seen.
    pub(crate) async fn next(&mut self) {
        let seen = self.seen;
        let renewed = self.listened.wait_for(|listened| listened.renewals != seen);
        let renewed = renewed.await.map(|listened| listened.renewals);
        match renewed {
            Ok(renewals) => self.seen = renewals,
            // The sender lives as long as the upstream.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Upstream {
    /// Waits until resources were updated that the gateway is subscribed to, and returns which.
    pub(crate) async fn updated_resources(&self) -> super::Updated {
        self.signals.updated_resources().await
    }

    /// Reads all lists again, and waits for it where the upstream can be reached.
    pub(crate) async fn read_lists_again(&self) {
        if self.state().status.is_up() {
            self.signals.read_again().await;
        }
    }
}
