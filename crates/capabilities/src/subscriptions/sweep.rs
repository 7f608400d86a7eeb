//! Taking over what a dead replica held.

use mcpg_cluster::{Cursor, ErrorKind, Expect, NamedEntry};
use mcpg_metrics::table::TAKE_OVERS;
use tracing::{debug, warn};

use super::error::{NotJoined, SubscriptionError};
use super::handle::Subscriptions;
use super::hold::Claimed;
use super::index::{IndexEntry, PREFIX, scope};
use super::name::SubscriptionName;
use super::record::Subscription;
use crate::owner::BootId;
use crate::store::{Stored, WriteError};

/// What one step of a sweep did.
#[derive(Debug, Default)]
pub struct SubscriptionSweep {
    /// How many subscriptions were taken over.
    pub taken_over: usize,
    /// How many entries stay because their holder is not dead, or their upstream cannot be subscribed to at the moment.
    pub kept: usize,
    /// Where the next step goes on; `None` when all entries were looked at.
    pub next: Option<Cursor>,
}

impl Subscriptions {
    /// Takes over subscriptions of one boot that is dead, at most `at_most` of them.
    ///
    /// # Errors
    /// What stopped the step. What was done stays done; the next step starts at the same cursor.
    pub async fn take_over_from(
        &self,
        boot: &BootId,
        after: Option<&Cursor>,
        at_most: usize,
    ) -> Result<SubscriptionSweep, SubscriptionError> {
        let scope = scope(boot);
        let page = self
            .key_value
            .list(scope.as_bytes(), PREFIX.as_bytes(), after, at_most.max(1))
            .await?;
        let mut sweep = SubscriptionSweep {
            next: page.next,
            ..SubscriptionSweep::default()
        };
        for found in page.entries {
            match self.take_over(boot, &found).await? {
                Some(taken_over) => {
                    sweep.taken_over += usize::from(taken_over);
                    let key = mcpg_cluster::Key::new(scope.clone(), found.name);
                    match self
                        .key_value
                        .delete(&key, Expect::Version(found.entry.version))
                        .await
                    {
                        // Another sweeper was first.
                        Err(error) if error.kind() != ErrorKind::Conflict => return Err(error.into()),
                        _ => {}
                    }
                }
                None => sweep.kept += 1,
            }
        }
        Ok(sweep)
    }

    /// `None` when the entry stays, else whether a subscription was taken over.
    async fn take_over(&self, boot: &BootId, found: &NamedEntry) -> Result<Option<bool>, SubscriptionError> {
        let entry = match IndexEntry::decode(&found.entry.value) {
            Ok(entry) => entry,
            Err(error) => {
                warn!(message = "An index entry of a subscription cannot be read.", %boot, %error);
                return Ok(None);
            }
        };
        if *boot == *self.boot() || !self.judge().is_dead(&entry.owner).await? {
            return Ok(None);
        }
        let name = entry.name;
        let changing = self.changing(name.digest());
        let _one_at_a_time = changing.lock().await;
        let mut stored = self.read(&name).await?;
        let holder = stored.as_ref().and_then(|stored| stored.record.holder.as_ref());
        if let Some(holder) = holder {
            if holder.boot != *boot {
                return Ok(Some(false));
            }
            if holder.owner != entry.owner && !self.judge().is_dead(&holder.owner).await? {
                return Ok(None);
            }
        }
        if !self.is_wanted(&name).await? {
            let Some(held) = stored.take_if(|stored| stored.record.holder.is_some()) else {
                return Ok(Some(false));
            };
            match self.bury(&name, held).await? {
                // Whoever joined meanwhile has seen the dead holder.
                Some(buried) if self.is_wanted(&name).await? => stored = Some(buried),
                _ => return Ok(Some(false)),
            }
        }
        self.take(&name, stored, boot).await
    }

    async fn take(
        &self,
        name: &SubscriptionName,
        stored: Option<Stored<Subscription>>,
        boot: &BootId,
    ) -> Result<Option<bool>, SubscriptionError> {
        match self
            .subscribe_and_claim(name, stored, |holder| holder.boot == *boot)
            .await
        {
            Ok(Claimed::Here) => {
                // What was updated since the holder died was heard by nobody.
                self.raise(name);
                TAKE_OVERS.count(&["subscription"]);
                Ok(Some(true))
            }
            Ok(Claimed::Elsewhere(..)) => Ok(Some(false)),
            Err(NotJoined::Record(error)) => Err(error),
            Err(NotJoined::Upstream(error)) => {
                debug!(message = "A subscription of a dead replica is taken over later.", upstream = name.upstream(), %error);
                Ok(None)
            }
        }
    }

    /// Writes that nobody holds what nobody wants; `None` when somebody else wrote meanwhile.
    async fn bury(
        &self,
        name: &SubscriptionName,
        stored: Stored<Subscription>,
    ) -> Result<Option<Stored<Subscription>>, SubscriptionError> {
        let mut record = stored.record;
        record.holder = None;
        match self.write(name, record, Expect::Version(stored.version)).await {
            Ok(written) => Ok(Some(written)),
            Err(WriteError::Conflict(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
