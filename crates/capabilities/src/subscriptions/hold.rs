//! Becoming the holder of a subscription, and ceasing to be it.

use mcpg_cluster::Expect;
use tracing::debug;

use super::error::{NotJoined, SubscriptionError};
use super::handle::Subscriptions;
use super::index::{self, IndexEntry};
use super::keeper::NotSubscribed;
use super::name::{SubscriptionName, key};
use super::record::{Holder, Subscription};
use crate::levels::Raised;
use crate::store::{Stored, WriteError};
use crate::weakness::{self, Weakness};

const ATTEMPTS: usize = 32;

/// What came of a claim.
pub(super) enum Claimed {
    /// This replica is the holder.
    Here,
    /// Another one was first.
    Elsewhere(Holder, mcpg_cluster::Version),
}

impl Subscriptions {
    /// Makes sure that somebody holds the subscription.
    pub(super) async fn ensure_held(&self, name: &SubscriptionName) -> Result<(), NotJoined> {
        let changing = self.changing(name.digest());
        let _one_at_a_time = changing.lock().await;
        let stored = self.read(name).await?;
        if let Some(Stored { record, version }) = &stored
            && let Some(holder) = &record.holder
        {
            if holder.boot != *self.boot() {
                // It may have just given up what it finds wanted again, or not know that it is the holder.
                self.tell(holder, name.digest(), *version).await;
                return Ok(());
            }
            if self.holds(name) {
                return Ok(());
            }
        }
        match self.subscribe_and_claim(name, stored, |_| true).await? {
            Claimed::Here => Ok(()),
            Claimed::Elsewhere(holder, version) => {
                self.tell(&holder, name.digest(), version).await;
                Ok(())
            }
        }
    }

    /// Subscribes and then claims the record where `may_claim` its holder, if it has one. What is left behind at any
    /// await is an index entry, which the sweeper removes, and an upstream subscription, which ends with this process.
    pub(super) async fn subscribe_and_claim(
        &self,
        name: &SubscriptionName,
        stored: Option<Stored<Subscription>>,
        may_claim: impl Fn(&Holder) -> bool,
    ) -> Result<Claimed, NotJoined> {
        let holder = self.this_holder()?;
        self.note(name, &holder).await?;
        let keeper = self.keeper().ok_or_else(|| {
            NotJoined::Upstream(NotSubscribed::Unreachable(
                "nobody speaks with upstreams".to_owned(),
            ))
        })?;
        if let Err(error) = keeper.subscribe(name.upstream(), name.uri()).await {
            if !self.holds(name) {
                self.forget(name).await;
            }
            return Err(NotJoined::Upstream(error));
        }
        // From now on what is heard is raised, whoever turns out to be the holder.
        self.local
            .held
            .lock()
            .insert(name.digest().to_owned(), name.clone());
        match self.claim(name, &holder, stored, may_claim).await {
            Ok(Claimed::Here) => Ok(Claimed::Here),
            Ok(elsewhere) => {
                self.let_go(name).await;
                Ok(elsewhere)
            }
            // The claim may stand: the next round finds out.
            Err(error) => Err(error.into()),
        }
    }

    async fn claim(
        &self,
        name: &SubscriptionName,
        holder: &Holder,
        mut stored: Option<Stored<Subscription>>,
        may_claim: impl Fn(&Holder) -> bool,
    ) -> Result<Claimed, SubscriptionError> {
        for _ in 0..ATTEMPTS {
            let (mut record, expect) = match stored {
                None => (Subscription::of(name), Expect::Absent),
                Some(Stored { record, version }) => {
                    if let Some(other) = &record.holder
                        && other.boot != holder.boot
                        && !may_claim(other)
                    {
                        return Ok(Claimed::Elsewhere(other.clone(), version));
                    }
                    (record, Expect::Version(version))
                }
            };
            record.holder = Some(holder.clone());
            match self.write(name, record, expect).await {
                Ok(_) => return Ok(Claimed::Here),
                Err(WriteError::Conflict(other)) => {
                    // Whoever holds it now was not looked at.
                    if let Some(Stored { record, version }) = &other
                        && let Some(first) = &record.holder
                        && first.boot != holder.boot
                    {
                        return Ok(Claimed::Elsewhere(first.clone(), *version));
                    }
                    stored = other;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(SubscriptionError::contended())
    }

    /// Brings what this replica does in line with the record, as its holder or not.
    pub(super) async fn look_at(&self, name: &SubscriptionName) -> Result<(), SubscriptionError> {
        let changing = self.changing(name.digest());
        let _one_at_a_time = changing.lock().await;
        match self.read(name).await? {
            Some(stored) if stored.record.is_held_by(self.boot()) => self.look_as_holder(name, stored).await,
            Some(stored) if stored.record.holder.is_some() => {
                if self.holds(name) {
                    debug!(
                        message = "Another replica has taken over a subscription.",
                        upstream = name.upstream()
                    );
                    self.let_go(name).await;
                }
                Ok(())
            }
            // Nobody holds it, though this replica may be subscribed: its record has expired, or was given up half way.
            stored if self.holds(name) => {
                if !self.is_wanted(name).await? {
                    self.let_go(name).await;
                    return Ok(());
                }
                self.hold_again(name, stored).await
            }
            // Whoever had this replica look found it to be the holder, and may want it.
            stored => self.hold_what_is_wanted(name, stored).await,
        }
    }

    /// Holds what nobody holds, if any session wants it.
    pub(super) async fn hold_what_is_wanted(
        &self,
        name: &SubscriptionName,
        stored: Option<Stored<Subscription>>,
    ) -> Result<(), SubscriptionError> {
        if !self.is_wanted(name).await? {
            return Ok(());
        }
        self.hold_again(name, stored).await?;
        self.raise(name);
        Ok(())
    }

    async fn look_as_holder(
        &self,
        name: &SubscriptionName,
        stored: Stored<Subscription>,
    ) -> Result<(), SubscriptionError> {
        if !self.is_wanted(name).await? {
            return self.give_up(name, stored).await;
        }
        let has_pair = stored.record.holder.as_ref() == Some(&self.this_holder()?);
        if self.holds(name) && has_pair {
            return Ok(());
        }
        let was_held = self.holds(name);
        self.hold_again(name, Some(stored)).await?;
        if !was_held {
            // Nobody listened since the record was written.
            self.raise(name);
        }
        Ok(())
    }

    async fn hold_again(
        &self,
        name: &SubscriptionName,
        stored: Option<Stored<Subscription>>,
    ) -> Result<(), SubscriptionError> {
        match self.subscribe_and_claim(name, stored, |_| false).await {
            Ok(_) => Ok(()),
            Err(NotJoined::Record(error)) => Err(error),
            Err(NotJoined::Upstream(error)) => {
                debug!(message = "A subscription could not be renewed.", upstream = name.upstream(), %error);
                Ok(())
            }
        }
    }

    /// Gives up what no session wants. The record is written first and the interest looked at then: who joins does it the
    /// other way round.
    async fn give_up(
        &self,
        name: &SubscriptionName,
        stored: Stored<Subscription>,
    ) -> Result<(), SubscriptionError> {
        let mut given_up = stored.record;
        given_up.holder = None;
        let expect = Expect::Version(stored.version);
        let written = match self.write(name, given_up, expect).await {
            Ok(written) => written,
            // Whoever wrote it has told this replica to look again, or will.
            Err(WriteError::Conflict(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if self.is_wanted(name).await? {
            return self.hold_again(name, Some(written)).await;
        }
        self.let_go(name).await;
        Ok(())
    }

    /// Unsubscribes, after the record named no holder or another one.
    pub(super) async fn let_go(&self, name: &SubscriptionName) {
        let held = self.local.held.lock().shift_remove(name.digest());
        if held.is_some()
            && let Some(keeper) = self.keeper()
        {
            keeper.unsubscribe(name.upstream(), name.uri()).await;
        }
        self.forget(name).await;
    }

    pub(super) fn holds(&self, name: &SubscriptionName) -> bool {
        self.local.held.lock().contains_key(name.digest())
    }

    /// Nobody heard what happened for a while. Should this process stop before that is written, whoever takes over from it
    /// raises the level too.
    pub(super) fn raise(&self, name: &SubscriptionName) {
        self.levels.raise_soon(Raised::resource(name.uri()));
    }

    pub(super) async fn read(
        &self,
        name: &SubscriptionName,
    ) -> Result<Option<Stored<Subscription>>, SubscriptionError> {
        Ok(self.writer.read(&key(name.digest())).await?)
    }

    pub(super) async fn write(
        &self,
        name: &SubscriptionName,
        record: Subscription,
        expect: Expect,
    ) -> Result<Stored<Subscription>, WriteError<Subscription>> {
        let ttl = Some(self.config.ttl);
        self.writer.write(&key(name.digest()), record, expect, ttl).await
    }

    /// Writes the index entry. Nobody else writes it, so nothing is expected of what stands there.
    async fn note(&self, name: &SubscriptionName, holder: &Holder) -> Result<(), SubscriptionError> {
        if weakness::has(Weakness::SubscribesUnindexed) {
            return Ok(());
        }
        let value = IndexEntry::of(name, holder).encode()?;
        let key = index::key(self.boot(), name.digest());
        self.key_value
            .put(&key, value, Expect::Any, Some(self.config.ttl))
            .await?;
        Ok(())
    }

    /// Removes the index entry; one that stays costs the sweeper a look.
    async fn forget(&self, name: &SubscriptionName) {
        let key = index::key(self.boot(), name.digest());
        if let Err(error) = self.key_value.delete(&key, Expect::Any).await {
            debug!(message = "The index entry of a subscription is left to expire.", %error);
        }
    }
}
