//! Who holds the GET streams of a session's upstream sessions.

use mcpg_cluster::{Expect, Version};
use mcpg_metrics::table::TAKE_OVERS;
use tracing::debug;

use super::GetError;
use super::handle::{ATTEMPTS, GetStreams, Wrote, give_way};
use super::index;
use super::record::{GetRecord, State, UpstreamStream};
use crate::owner::{BootId, OwnerPair};
use crate::store::Stored;

/// A replica that holds the stream of an upstream session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// The replica as an owner.
    pub owner: OwnerPair,
    /// Where its mail goes.
    pub boot: BootId,
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// This replica holds the stream.
    Mine {
        /// The upstream's id of the last event whose effect stands in the record: the stream goes on behind it.
        place: Option<String>,
        /// The version of the record with the claim.
        version: Version,
        /// Who holds streams of the client, and may not have been told of the last message of a dead claimant.
        wake: Vec<BootId>,
    },
    /// Another replica holds it, as far as is known.
    Theirs,
    /// The session was closed.
    Closed,
}

impl GetStreams {
    /// Claims the stream of the session `of` at `upstream`, unless a living replica holds it. First an index entry is
    /// written, by which a sweeper finds the claim; an entry without a claim does no harm.
    ///
    /// # Errors
    /// Why it could not be settled; it may be tried again.
    pub async fn claim_upstream(
        &self,
        session: &str,
        upstream: &str,
        of: &str,
        claimant: &Claimant,
    ) -> Result<Claim, GetError> {
        self.note_claims(session, claimant).await?;
        let mut stored = self.read(&super::key(session)).await?;
        for attempt in 0..ATTEMPTS {
            let (mut record, expect) = match stored {
                Some(stored) if stored.record.state == State::Closed => return Ok(Claim::Closed),
                Some(stored) if stored.record.is_claimed_for(upstream, of, claimant) => {
                    return Ok(mine(&stored, upstream));
                }
                Some(Stored { record, version }) => (record, Expect::Version(version)),
                None => (GetRecord::default(), Expect::Absent),
            };
            let theirs = record
                .upstreams
                .get(upstream)
                .filter(|theirs| theirs.boot != claimant.boot);
            let takes_over = match theirs {
                Some(theirs) if !self.is_dead(&theirs.owner).await? => return Ok(Claim::Theirs),
                theirs => theirs.is_some(),
            };
            record.claim(upstream, of, claimant);
            match self.write(session, record, expect, Some(&claimant.owner)).await? {
                Wrote::Done(written) => {
                    if takes_over {
                        TAKE_OVERS.count(&["upstream_stream"]);
                    }
                    if written.record.is_claimed_for(upstream, of, claimant) {
                        return Ok(mine(&written, upstream));
                    }
                    stored = Some(written);
                }
                Wrote::Other(other) => stored = other,
            }
            give_way(attempt).await;
        }
        Err(GetError::contended())
    }

    /// Gives up the stream of an upstream, if this replica holds it.
    ///
    /// # Errors
    /// Why it could not be settled; the claim then ends with the session or the replica.
    pub async fn release_upstream(
        &self,
        session: &str,
        upstream: &str,
        claimant: &Claimant,
    ) -> Result<(), GetError> {
        let mut stored = self.read(&super::key(session)).await?;
        for attempt in 0..ATTEMPTS {
            let Some(Stored { mut record, version }) =
                stored.filter(|stored| stored.record.is_claimed_by(upstream, claimant))
            else {
                return Ok(());
            };
            record.upstreams.remove(upstream);
            let is_last = !record.upstreams.values().any(|held| held.boot == claimant.boot);
            let expect = Expect::Version(version);
            match self.write(session, record, expect, Some(&claimant.owner)).await? {
                Wrote::Done(_) => {
                    if is_last {
                        self.forget_claims(session, &claimant.boot).await;
                    }
                    return Ok(());
                }
                Wrote::Other(other) => stored = other,
            }
            give_way(attempt).await;
        }
        Err(GetError::contended())
    }

    /// Gives record and index entry their full life again; whether the claim still stands.
    ///
    /// # Errors
    /// Why they could not be touched.
    pub async fn keep_claim(
        &self,
        session: &str,
        upstream: &str,
        claimant: &Claimant,
        claimed: Version,
    ) -> Result<bool, GetError> {
        self.note_claims(session, claimant).await?;
        match self.read(&super::key(session)).await? {
            Some(stored) if stored.version < claimed => Err(GetError::stale()),
            Some(stored) if stored.record.is_claimed_by(upstream, claimant) => {
                self.touch(session, stored.version).await?;
                Ok(true)
            }
            None if !self.config.stale_reads.is_zero() => Err(GetError::stale()),
            _ => Ok(false),
        }
    }

    /// Writes the index entry of a session. Nobody but this boot writes it, and who removes it has found the boot dead.
    pub(super) async fn note_claims(&self, session: &str, claimant: &Claimant) -> Result<(), GetError> {
        let (key, entry) = (
            index::key(&claimant.boot, session),
            index::encode(&claimant.owner)?,
        );
        // Twice: it must never be gone before what it points to.
        let ttl = self.longer_ttl();
        let put = self
            .parts
            .key_value
            .put(&key, entry, Expect::Any, Some(ttl))
            .await;
        put.map(drop).map_err(GetError::harmless)
    }

    /// Removes the index entry of a session in which this boot holds nothing any more. Best effort: it expires.
    pub(super) async fn forget_claims(&self, session: &str, boot: &BootId) {
        let key = index::key(boot, session);
        if let Err(error) = self.parts.key_value.delete(&key, Expect::Any).await {
            debug!(message = "An index entry is left to expire.", %key, %error);
        }
    }

    pub(super) async fn is_dead(&self, owner: &OwnerPair) -> Result<bool, GetError> {
        self.parts.judge.is_dead(owner).await.map_err(GetError::harmless)
    }
}

fn mine(stored: &Stored<GetRecord>, upstream: &str) -> Claim {
    let record = &stored.record;
    Claim::Mine {
        place: record.upstreams.get(upstream).and_then(|held| held.place.clone()),
        version: stored.version,
        wake: record.holders().map(|holder| holder.boot.clone()).collect(),
    }
}

impl GetRecord {
    pub(super) fn is_claimed_by(&self, upstream: &str, claimant: &Claimant) -> bool {
        let held = self.upstreams.get(upstream);
        held.is_some_and(|held| held.owner == claimant.owner && held.boot == claimant.boot)
    }

    fn is_claimed_for(&self, upstream: &str, of: &str, claimant: &Claimant) -> bool {
        self.is_claimed_by(upstream, claimant) && self.upstreams[upstream].of == of
    }

    /// An event id of an upstream session that was replaced means nothing in the new one.
    pub(super) fn claim(&mut self, upstream: &str, of: &str, claimant: &Claimant) {
        let former = self.upstreams.remove(upstream);
        let place = former
            .filter(|former| former.of == of)
            .and_then(|former| former.place);
        let held = UpstreamStream {
            owner: claimant.owner.clone(),
            boot: claimant.boot.clone(),
            of: of.to_owned(),
            place,
        };
        self.upstreams.insert(upstream.to_owned(), held);
    }
}
