//! Ending the calls of a dead replica.

use std::collections::HashMap;

use mcpg_cluster::{Cursor, ErrorKind, Expect, Key, NamedEntry, Version};
use mcpg_metrics::table::TAKE_OVERS;
use tracing::{debug, warn};

use super::CallsError;
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
    /// The readers of the streams that were ended: nobody else tells them.
    pub readers: Vec<ToWake>,
    /// Where the next step goes on; `None` when all entries were looked at.
    pub next: Option<Cursor>,
}

/// A reader to whom it is to be said that a head was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToWake {
    /// Where its mail goes.
    pub boot: BootId,
    /// The head.
    pub at: Key,
    /// The version of the head.
    pub version: Version,
}

/// What became of one entry.
enum Swept {
    /// It stays.
    Kept,
    /// Its call was over.
    WasOver,
    /// Its call was ended, and this is who reads its stream.
    Ended(Option<ToWake>),
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
    /// A step that is stopped says what it did: the entries behind count as kept.
    ///
    /// # Errors
    /// What stopped the step before it did anything; the next step starts at the same cursor.
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
        for (at, found) in page.entries.iter().enumerate() {
            match self.end_one(boot, found, &mut verdicts).await {
                Ok(Swept::Kept) => sweep.kept += 1,
                Ok(Swept::WasOver) => {}
                Ok(Swept::Ended(reader)) => {
                    sweep.ended += 1;
                    sweep.readers.extend(reader);
                }
                Err(error) if sweep.ended == 0 => return Err(error),
                Err(error) => {
                    debug!(message = "The calls of a dead replica are ended later.", %boot, %error);
                    sweep.kept += page.entries.len() - at;
                    break;
                }
            }
        }
        Ok(sweep)
    }

    async fn end_one(
        &self,
        boot: &BootId,
        found: &NamedEntry,
        verdicts: &mut Verdicts,
    ) -> Result<Swept, CallsError> {
        let entry = match IndexEntry::decode(&found.entry.value) {
            Ok(entry) => entry,
            Err(error) => {
                warn!(message = "An index entry of a call cannot be read.", %boot, %error);
                return Ok(Swept::Kept);
            }
        };
        let swept = self.end_head(&entry, verdicts).await?;
        if !matches!(swept, Swept::Kept) {
            let deleted = self
                .key_value
                .delete(&entry.key(boot), Expect::Version(found.entry.version))
                .await;
            match deleted {
                // Another sweeper, or the owner, was first.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                // The reader is to be told all the same; the entry is found again.
                Err(error) => debug!(message = "An index entry is left to the next round.", %boot, %error),
                Ok(()) => {}
            }
        }
        Ok(swept)
    }

    async fn end_head(&self, entry: &IndexEntry, verdicts: &mut Verdicts) -> Result<Swept, CallsError> {
        let key = entry.call.head();
        let mut stored = self.writer.read::<Head>(&key).await?;
        for attempt in 0..ATTEMPTS {
            let (head, expect) = match stored {
                None => {
                    if !self.is_dead(Some(&entry.owner), verdicts).await? {
                        return Ok(Swept::Kept);
                    }
                    let head = Head::ended(entry.birth, EndReason::OwnerLost);
                    (head, Expect::Absent)
                }
                Some(Stored { record, .. }) if record.state != State::Open || !record.is_of(entry.birth) => {
                    return Ok(Swept::WasOver);
                }
                Some(Stored { record, version }) => {
                    if !self.is_dead(record.owner.as_ref(), verdicts).await? {
                        return Ok(Swept::Kept);
                    }
                    let mut head = record;
                    head.end(EndReason::OwnerLost);
                    (head, Expect::Version(version))
                }
            };
            match self.writer.write(&key, head, expect, Some(entry.ttl)).await {
                Ok(written) => {
                    TAKE_OVERS.count(&["call"]);
                    return Ok(Swept::Ended(written.record.reader.map(|reader| ToWake {
                        boot: reader.boot,
                        at: key,
                        version: written.version,
                    })));
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
