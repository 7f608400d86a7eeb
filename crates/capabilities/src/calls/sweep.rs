//! Ending the calls of a dead replica.

use std::collections::HashMap;

use mcpg_cluster::{Cursor, Expect, NamedEntry};
use mcpg_metrics::table::TAKE_OVERS;
use tracing::warn;

use super::error::CallsError;
use super::handle::{ATTEMPTS, Calls, give_way};
use super::head::{EndReason, Head, State};
use super::index::{IndexEntry, PREFIX, scope};
use crate::owner::{BootId, OwnerPair};
use crate::store::{Stored, WriteError};

/// What one step of a sweep did.
#[derive(Debug, Default)]
pub struct Sweep {
    /// How many calls were ended.
    pub ended: usize,
    /// How many entries stay because their owner is not dead or their record cannot be read.
    pub kept: usize,
    /// Where the next step goes on; `None` when all entries were looked at.
    pub next: Option<Cursor>,
}

/// The verdicts of one step. "Dead" is final for a pair, so asking once is enough; "alive" is only true now, and lasts
/// no longer than the step.
type Verdicts = HashMap<OwnerPair, bool>;

impl Calls {
    /// Ends calls of one boot whose owners are dead, at most `at_most` of them, and removes their index entries.
    ///
    /// The judge is asked for each owner, so calling this for a living boot does no harm. A call whose head does not
    /// stand yet gets an ended one: a paused owner that creates it late is refused.
    ///
    /// # Errors
    /// What stopped the step. What was done stays done; the next step starts at the same cursor.
    pub async fn end_of(
        &self,
        boot: &BootId,
        after: Option<&Cursor>,
        at_most: usize,
    ) -> Result<Sweep, CallsError> {
        let scope = scope(boot);
        let page = self
            .key_value
            .list(scope.as_bytes(), PREFIX.as_bytes(), after, at_most.max(1))
            .await
            .map_err(CallsError::harmless)?;
        let mut sweep = Sweep {
            next: page.next,
            ..Sweep::default()
        };
        let mut verdicts = Verdicts::new();
        for found in page.entries {
            match self.end_one(boot, &found, &mut verdicts).await? {
                Some(ended) => sweep.ended += usize::from(ended),
                None => sweep.kept += 1,
            }
        }
        Ok(sweep)
    }

    /// `None` when the entry stays, else whether a call was ended.
    async fn end_one(
        &self,
        boot: &BootId,
        found: &NamedEntry,
        verdicts: &mut Verdicts,
    ) -> Result<Option<bool>, CallsError> {
        let entry = match IndexEntry::decode(&found.entry.value) {
            Ok(entry) => entry,
            Err(error) => {
                warn!(message = "An index entry of a call cannot be read.", %boot, %error);
                return Ok(None);
            }
        };
        let ended = self.end_head(&entry, verdicts).await?;
        if ended.is_some() {
            let deleted = self
                .key_value
                .delete(&entry.key(boot), Expect::Version(found.entry.version))
                .await;
            match deleted {
                // Another sweeper, or the owner, was first.
                Err(error) if error.kind() != mcpg_cluster::ErrorKind::Conflict => {
                    return Err(CallsError::harmless(error));
                }
                _ => {}
            }
        }
        Ok(ended)
    }

    async fn end_head(
        &self,
        entry: &IndexEntry,
        verdicts: &mut Verdicts,
    ) -> Result<Option<bool>, CallsError> {
        let key = entry.call.head();
        let mut stored = self.writer.read::<Head>(&key).await?;
        for attempt in 0..ATTEMPTS {
            let (head, expect) = match stored {
                None => {
                    if !self.is_dead(Some(&entry.owner), verdicts).await? {
                        return Ok(None);
                    }
                    let head = Head::ended(entry.birth, EndReason::OwnerLost);
                    (head, Expect::Absent)
                }
                Some(Stored { record, .. }) if record.state != State::Open || !record.is_of(entry.birth) => {
                    return Ok(Some(false));
                }
                Some(Stored { record, version }) => {
                    if !self.is_dead(record.owner.as_ref(), verdicts).await? {
                        return Ok(None);
                    }
                    let mut head = record;
                    head.end(EndReason::OwnerLost);
                    (head, Expect::Version(version))
                }
            };
            match self.writer.write(&key, head, expect, Some(entry.ttl)).await {
                Ok(_) => {
                    TAKE_OVERS.count(&["call"]);
                    return Ok(Some(true));
                }
                Err(WriteError::Conflict(other)) => stored = other,
                Err(error) => return Err(error.into()),
            }
            give_way(attempt).await;
        }
        Err(CallsError::contended())
    }

    async fn is_dead(&self, owner: Option<&OwnerPair>, verdicts: &mut Verdicts) -> Result<bool, CallsError> {
        let Some(owner) = owner else {
            return Ok(false);
        };
        if let Some(verdict) = verdicts.get(owner) {
            return Ok(*verdict);
        }
        let verdict = self.judge.is_dead(owner).await.map_err(CallsError::harmless)?;
        verdicts.insert(owner.clone(), verdict);
        Ok(verdict)
    }
}
