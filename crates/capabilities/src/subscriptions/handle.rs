//! Joining and leaving.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use indexmap::IndexMap;
use mcpg_cluster::{Key, KeyValue, Version};
use parking_lot::Mutex;
use tracing::{debug, warn};

use super::error::{NotJoined, SubscriptionError};
use super::keeper::Keeper;
use super::name::{SubscriptionName, digest_at, key};
use super::record::{Holder, Subscription};
use crate::levels::Levels;
use crate::mailbox::{Mailbox, Note};
use crate::owner::{BootId, Judge};
use crate::replica::Replica;
use crate::store::{Formats, Stored, Writer};

/// How subscriptions live.
#[derive(Clone, Debug)]
pub struct SubscriptionsConfig {
    /// How long records and interests live after they were last kept: as long as what must be closed after a session.
    pub ttl: Duration,
    /// How long a write is tried to be settled before its outcome is reported as unknown.
    pub patience: Duration,
}

/// What subscriptions are made of.
#[derive(Clone)]
pub struct SubscriptionsParts {
    /// Where the records are.
    pub key_value: Arc<dyn KeyValue>,
    /// This process among the replicas.
    pub replica: Arc<Replica>,
    /// The way to holders.
    pub mailbox: Mailbox,
    /// Where updates are told that nobody heard of.
    pub levels: Arc<Levels>,
    /// The layouts of records that this release speaks.
    pub formats: Arc<Formats>,
    /// How subscriptions live.
    pub config: SubscriptionsConfig,
}

/// The subscriptions of the deployment, and those that this replica holds. Clones are the same.
#[derive(Clone)]
pub struct Subscriptions {
    pub(super) key_value: Arc<dyn KeyValue>,
    pub(super) writer: Writer,
    pub(super) replica: Arc<Replica>,
    mailbox: Mailbox,
    pub(super) levels: Arc<Levels>,
    pub(super) config: Arc<SubscriptionsConfig>,
    pub(super) local: Arc<Local>,
}

/// What is known on this replica alone.
#[derive(Default)]
pub(super) struct Local {
    keeper: OnceLock<Arc<dyn Keeper>>,
    /// What this replica is subscribed to, by digest.
    pub(super) held: Mutex<IndexMap<String, SubscriptionName>>,
    /// One change at a time of each subscription.
    changing: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

impl fmt::Debug for Subscriptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Subscriptions")
            .field("held", &self.local.held.lock().len())
            .finish_non_exhaustive()
    }
}

impl Subscriptions {
    /// Opens the subscriptions.
    pub fn new(parts: SubscriptionsParts) -> Self {
        Self {
            writer: Writer::new(Arc::clone(&parts.key_value), parts.config.patience)
                .in_formats(parts.formats),
            key_value: parts.key_value,
            replica: parts.replica,
            mailbox: parts.mailbox,
            levels: parts.levels,
            config: Arc::new(parts.config),
            local: Arc::default(),
        }
    }

    /// Says who speaks with upstreams. To be called once, before anything is joined; without it nothing is taken over.
    pub fn keep_with(&self, keeper: Arc<dyn Keeper>) {
        if self.local.keeper.set(keeper).is_err() {
            warn!("Subscriptions were given a second way to subscribe upstream; the first one is used.");
        }
    }

    pub(super) fn keeper(&self) -> Option<&Arc<dyn Keeper>> {
        self.local.keeper.get()
    }

    /// Lets `session` take part in a subscription. When this returns, every update that follows raises the level of its
    /// resource. That must be noted before as something to be left when the session ends.
    ///
    /// # Errors
    /// [`NotJoined`]; then this replica holds nothing that it did not hold before, and the interest is to be left.
    pub async fn join(&self, name: &SubscriptionName, session: &str) -> Result<(), NotJoined> {
        self.want(name, session).await?;
        self.ensure_held(name).await
    }

    /// Lets a session take part no more whose interest had this version before the session said so.
    ///
    /// # Errors
    /// Why the interest could not be removed, or its holder not be told.
    pub async fn leave(
        &self,
        name: &SubscriptionName,
        session: &str,
        version: Version,
    ) -> Result<(), SubscriptionError> {
        self.want_no_more(name, session, version).await?;
        if self.is_wanted(name).await? {
            return Ok(());
        }
        let stored = self.writer.read::<Subscription>(&key(name.digest())).await?;
        let Some(Stored { record, version }) = stored else {
            return Ok(());
        };
        match &record.holder {
            Some(holder) if holder.boot == *self.boot() => self.look_at(name).await,
            Some(holder) => {
                self.tell(holder, name.digest(), version).await;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The same for a session that is gone for good.
    ///
    /// # Errors
    /// As for [`leave`](Self::leave).
    pub async fn leave_for_good(
        &self,
        name: &SubscriptionName,
        session: &str,
    ) -> Result<(), SubscriptionError> {
        match self.interest(name, session).await? {
            Some(version) => self.leave(name, session, version).await,
            None => Ok(()),
        }
    }

    /// Looks at a subscription, because a note says that something about it changed. `false`: the note is about
    /// something else.
    ///
    /// # Errors
    /// Why it could not be looked at; then it is to be looked at again.
    pub async fn look(&self, at: &Key) -> Result<bool, SubscriptionError> {
        let Some(digest) = digest_at(at) else {
            return Ok(false);
        };
        let held = self.local.held.lock().get(digest).cloned();
        let name = match held {
            Some(name) => Some(name),
            None => self.writer.read::<Subscription>(at).await?.map(|stored| {
                let Subscription { upstream, uri, .. } = stored.record;
                SubscriptionName::of_record(digest, upstream, uri)
            }),
        };
        if let Some(name) = name {
            self.look_at(&name).await?;
        }
        Ok(true)
    }

    /// What this replica is subscribed to at `upstream`.
    pub fn held_at(&self, upstream: &str) -> Vec<String> {
        let held = self.local.held.lock();
        let of_upstream = held.values().filter(|name| name.upstream() == upstream);
        of_upstream.map(|name| name.uri().to_owned()).collect()
    }

    pub(super) fn boot(&self) -> &BootId {
        self.replica.boot()
    }

    /// This replica as a holder; `None` while it has no lease.
    pub(super) fn this_holder(&self) -> Result<Holder, SubscriptionError> {
        let owner = self.replica.owner().ok_or(SubscriptionError::NoLease)?;
        Ok(Holder {
            boot: self.boot().clone(),
            owner,
        })
    }

    pub(super) fn judge(&self) -> &dyn Judge {
        self.replica.as_ref()
    }

    /// Tells another holder to look. Without it the holder finds out in its next round.
    pub(super) async fn tell(&self, holder: &Holder, digest: &str, version: Version) {
        let note = Note {
            at: key(digest),
            version,
        };
        if let Err(error) = self.mailbox.wake(&holder.boot, &note).await {
            debug!(message = "The holder of a subscription could not be told.", holder = %holder.boot, %error);
        }
    }

    /// The right to change what this replica does about a subscription.
    pub(super) fn changing(&self, digest: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut changing = self.local.changing.lock();
        changing.retain(|_, change| change.strong_count() > 0);
        if let Some(change) = changing.get(digest).and_then(Weak::upgrade) {
            return change;
        }
        let change = Arc::new(tokio::sync::Mutex::new(()));
        changing.insert(digest.to_owned(), Arc::downgrade(&change));
        change
    }
}
