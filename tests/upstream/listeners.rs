//! Clients that wait for notifications: legacy sessions and modern `subscriptions/listen` streams.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rmcp::{
    Peer, RoleServer,
    model::{LoggingLevel, LoggingMessageNotificationParam, ResourceUpdatedNotificationParam},
    service::SubscriptionSink,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// A list whose change can be announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangedList {
    /// The tools.
    Tools,
    /// The prompts.
    Prompts,
    /// The resources.
    Resources,
}

#[derive(Debug)]
struct Session {
    peer: Option<Peer<RoleServer>>,
    resources: BTreeSet<String>,
    log_level: LoggingLevel,
    closed: CancellationToken,
}

/// Registry of everyone a notification may go to.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    sessions: Mutex<BTreeMap<String, Session>>,
    subscriptions: Mutex<BTreeMap<u64, SubscriptionSink>>,
    next_subscription: AtomicU64,
}

impl Listeners {
    /// Registers a session.
    pub(crate) fn add_session(&self, id: &str) {
        let session = Session {
            peer: None,
            resources: BTreeSet::new(),
            log_level: LoggingLevel::Debug,
            closed: CancellationToken::new(),
        };
        self.lock_sessions().insert(id.to_owned(), session);
    }

    /// Removes a session and cancels the calls that still run in it.
    pub(crate) fn remove_session(&self, id: &str) {
        if let Some(session) = self.lock_sessions().remove(id) {
            session.closed.cancel();
        }
    }

    /// Keeps the way back to the client of a session.
    pub(crate) fn set_peer(&self, id: &str, peer: Peer<RoleServer>) {
        self.change(id, |session| session.peer = Some(peer));
    }

    /// Sets from which level on a session gets log messages.
    pub(crate) fn set_log_level(&self, id: &str, level: LoggingLevel) {
        self.change(id, |session| session.log_level = level);
    }

    /// Tells whether a session wants log messages of that level.
    pub(crate) fn wants_log(&self, id: &str, level: LoggingLevel) -> bool {
        let sessions = self.lock_sessions();
        sessions
            .get(id)
            .is_none_or(|session| severity(level) >= severity(session.log_level))
    }

    /// Subscribes a session to a resource.
    pub(crate) fn subscribe(&self, id: &str, uri: &str) {
        self.change(id, |session| {
            session.resources.insert(uri.to_owned());
        });
    }

    /// Ends the subscription of a session to a resource.
    pub(crate) fn unsubscribe(&self, id: &str, uri: &str) {
        self.change(id, |session| {
            session.resources.remove(uri);
        });
    }

    /// Returns the token that is cancelled when the session ends.
    pub(crate) fn session_closed(&self, id: &str) -> CancellationToken {
        let sessions = self.lock_sessions();
        sessions
            .get(id)
            .map_or_else(CancellationToken::new, |session| session.closed.clone())
    }

    /// Registers a listen stream until the returned guard is dropped.
    pub(crate) fn add_subscription(&self, sink: SubscriptionSink) -> SubscriptionGuard<'_> {
        let id = self.next_subscription.fetch_add(1, Ordering::Relaxed);
        self.lock_subscriptions().insert(id, sink);
        SubscriptionGuard { listeners: self, id }
    }

    /// Announces to everyone that a list changed; returns how many were told.
    pub(crate) async fn list_changed(&self, list: ChangedList) -> usize {
        let mut told = 0;
        for (peer, _) in self.peers() {
            let sent = match list {
                ChangedList::Tools => peer.notify_tool_list_changed().await,
                ChangedList::Prompts => peer.notify_prompt_list_changed().await,
                ChangedList::Resources => peer.notify_resource_list_changed().await,
            };
            told += usize::from(sent.is_ok());
        }
        for sink in self.sinks() {
            let sent = match list {
                ChangedList::Tools => sink.notify_tool_list_changed().await,
                ChangedList::Prompts => sink.notify_prompt_list_changed().await,
                ChangedList::Resources => sink.notify_resource_list_changed().await,
            };
            told += usize::from(sent.is_ok());
        }
        told
    }

    /// Announces a change of a resource to its subscribers; returns how many were told.
    pub(crate) async fn resource_updated(&self, uri: &str) -> usize {
        let mut told = 0;
        for (peer, resources) in self.peers() {
            if resources.contains(uri) {
                let update = ResourceUpdatedNotificationParam::new(uri);
                told += usize::from(peer.notify_resource_updated(update).await.is_ok());
            }
        }
        for sink in self.sinks() {
            told += usize::from(sink.notify_resource_updated(uri).await.is_ok());
        }
        told
    }

    /// Sends a log message that belongs to no request; returns how many sessions got it.
    pub(crate) async fn log(&self, level: LoggingLevel, text: &str) -> usize {
        let peers: Vec<_> = {
            let sessions = self.lock_sessions();
            let wanting = sessions
                .values()
                .filter(|session| severity(level) >= severity(session.log_level));
            wanting.filter_map(|session| session.peer.clone()).collect()
        };
        let mut told = 0;
        for peer in peers {
            let message = LoggingMessageNotificationParam::new(level, json!(text)).with_logger("control");
            told += usize::from(peer.notify_logging_message(message).await.is_ok());
        }
        told
    }

    /// Returns who listens, for `/stats`.
    pub(crate) fn snapshot(&self) -> Value {
        let sessions = self.lock_sessions();
        let subscribed: BTreeMap<_, _> = sessions
            .iter()
            .map(|(id, session)| (id.clone(), session.resources.clone()))
            .collect();
        let subscriptions = self.lock_subscriptions();
        let filters: Vec<_> = subscriptions
            .values()
            .map(|sink| json!(sink.accepted()))
            .collect();
        json!({ "sessions": subscribed, "subscriptions": filters })
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Session)) {
        if let Some(session) = self.lock_sessions().get_mut(id) {
            change(session);
        }
    }

    fn peers(&self) -> Vec<(Peer<RoleServer>, BTreeSet<String>)> {
        let sessions = self.lock_sessions();
        let peers = sessions
            .values()
            .filter_map(|session| Some((session.peer.clone()?, session.resources.clone())));
        peers.collect()
    }

    fn sinks(&self) -> Vec<SubscriptionSink> {
        self.lock_subscriptions().values().cloned().collect()
    }

    fn lock_sessions(&self) -> MutexGuard<'_, BTreeMap<String, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_subscriptions(&self) -> MutexGuard<'_, BTreeMap<u64, SubscriptionSink>> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a listen stream from the registry when it is dropped.
#[derive(Debug)]
pub(crate) struct SubscriptionGuard<'a> {
    listeners: &'a Listeners,
    id: u64,
}

impl Drop for SubscriptionGuard<'_> {
    fn drop(&mut self) {
        self.listeners.lock_subscriptions().remove(&self.id);
    }
}

/// Orders the levels, which the library does not.
pub(crate) fn severity(level: LoggingLevel) -> u8 {
    match level {
        LoggingLevel::Debug => 0,
        LoggingLevel::Info => 1,
        LoggingLevel::Notice => 2,
        LoggingLevel::Warning => 3,
        LoggingLevel::Error => 4,
        LoggingLevel::Critical => 5,
        LoggingLevel::Alert => 6,
        LoggingLevel::Emergency => 7,
    }
}
