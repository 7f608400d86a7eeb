//! The view: how a replica knows that what it cached is not out of date, at no cost per request.
//!
//! Every replica puts its heartbeat into one feed and waits to see that very write come back through its own watch of
//! the feed, behind everything older. For one *validity* from just before the heartbeat was sent, everything that was
//! put into the feed before that has been processed here: the view is fresh. A closed session is put into the same
//! feed, so a replica that did not notice has no fresh view either after one validity, and its cache is not used.

mod acks;
mod closing;
mod feed;
mod follow;
mod freshness;
mod members;

use std::sync::Arc;
use std::time::Duration;

use mcpg_cluster::{Clock, KeyValue, PubSub, Support, Watch};
use parking_lot::{Mutex, RwLock};

use self::acks::Acks;
use self::feed::News;
use self::freshness::Freshness;
pub use self::members::Members;
use crate::owner::BootId;
use crate::store::Formats;

/// What a view is made of.
#[derive(Clone)]
pub struct ViewParts {
    /// This boot of this replica.
    pub boot: BootId,
    /// Where heartbeats and closings are written.
    pub key_value: Arc<dyn KeyValue>,
    /// How they come back.
    pub watch: Arc<dyn Watch>,
    /// How acknowledgements travel.
    pub pubsub: Arc<dyn PubSub>,
    /// The clock that validity is measured on.
    pub clock: Arc<dyn Clock>,
    /// What the backend guarantees.
    pub support: Support,
    /// How long a view is fresh: `gateway.server.session_cache_ms`.
    pub validity: Duration,
    /// The layouts of records that this release speaks.
    pub formats: Arc<Formats>,
}

/// Who must hear of what the feed says, before anybody is told that it was heard.
pub trait Listener: Send + Sync {
    /// A session was closed, here or elsewhere: nothing of it may be used or go on.
    fn closed(&self, session: &str);

    /// What an upstream lists changed: what is remembered of it from before `version` may not be used. Of interest only
    /// to who remembers such things.
    fn changed(&self, _upstream: &str, _version: u64) {}

    /// News may have been missed: nothing that was remembered may be used.
    fn lost(&self);
}

/// The view of one replica.
pub struct View {
    parts: ViewParts,
    retention: Duration,
    freshness: Mutex<Freshness>,
    members: Members,
    acks: Acks,
    listeners: RwLock<Vec<Arc<dyn Listener>>>,
}

impl std::fmt::Debug for View {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("View")
            .field("boot", &self.parts.boot)
            .field("fresh", &self.is_fresh())
            .finish_non_exhaustive()
    }
}

impl View {
    /// Makes a view that is not fresh before [`run`](Self::run) has seen its own heartbeat.
    pub fn new(parts: ViewParts) -> Arc<Self> {
        let retention = retention(parts.validity, &parts.support);
        Arc::new(Self {
            retention,
            freshness: Mutex::default(),
            members: Members::new(parts.boot.clone(), Arc::clone(&parts.formats)),
            acks: Acks::default(),
            listeners: RwLock::default(),
            parts,
        })
    }

    /// Adds somebody who hears of every closing.
    pub fn listen(&self, listener: Arc<dyn Listener>) {
        self.listeners.write().push(listener);
    }

    /// Whether everything that was closed more than one validity ago has been heard of here.
    pub fn is_fresh(&self) -> bool {
        self.freshness.lock().is_fresh(self.parts.clock.now())
    }

    /// How long ago the heartbeat was sent that the view rests on; `None` while it rests on none.
    pub fn age(&self) -> Option<Duration> {
        self.freshness
            .lock()
            .age(self.parts.clock.now(), self.parts.validity)
    }

    /// How long a view is fresh.
    pub fn validity(&self) -> Duration {
        self.parts.validity
    }

    /// The replicas that write heartbeats, as the feed shows them.
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// Forgets everything: after a reconnect, or when closings may have been missed.
    pub fn lose(&self) {
        self.freshness.lock().lose();
        self.each_listener(|listener| listener.lost());
    }

    /// The layouts of records that this replica speaks.
    pub(crate) fn formats(&self) -> &Arc<Formats> {
        &self.parts.formats
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.clock
    }

    fn tell(&self, news: &News) {
        self.each_listener(|listener| match news {
            News::Closed { session } => listener.closed(session),
            News::Changed { upstream, version } => listener.changed(upstream, *version),
        });
    }

    fn each_listener(&self, tell: impl Fn(&dyn Listener)) {
        for listener in self.listeners.read().iter() {
            tell(listener.as_ref());
        }
    }
}

/// How long entries of the feed stay in it.
fn retention(validity: Duration, support: &Support) -> Duration {
    (validity * 10).max(support.min_ttl)
}
