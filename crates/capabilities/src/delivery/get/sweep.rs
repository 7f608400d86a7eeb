//! Taking over the upstream streams of a dead replica.

use std::collections::HashMap;
use std::sync::Arc;

use mcpg_cluster::{Cursor, ErrorKind, Expect};
use tracing::{debug, warn};

use super::GetError;
use super::handle::GetStreams;
use super::index;
use super::upstreams::{Claim, Claimant};
use crate::owner::{BootId, OwnerPair};

/// A stream of an upstream that now belongs to this replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenOver {
    /// The name of the client's session.
    pub session: String,
    /// The name of the upstream.
    pub upstream: String,
    /// Who holds streams of the client, and may not have been told of the dead one's last message.
    pub wake: Vec<BootId>,
    /// The version of the record with the claim.
    pub version: mcpg_cluster::Version,
}

/// Who goes on with what was taken over.
pub trait Adopter: Send + Sync {
    /// This replica as one that claims; `None` while it has no lease.
    fn claimant(&self) -> Option<Claimant>;

    /// A stream was claimed for this replica: it is to be read, and who holds streams of the client is to be told to
    /// look. It must not block.
    fn adopt(&self, taken: TakenOver);
}

/// What one step of a sweep did.
#[derive(Debug, Default)]
pub struct GetSweep {
    /// What this replica holds now: somebody has to begin to read it.
    pub taken: Vec<TakenOver>,
    /// How many entries stay because their owner is not dead or their record cannot be read.
    pub kept: usize,
    /// Where the next step goes on; `None` when all entries were looked at.
    pub next: Option<Cursor>,
}

impl GetStreams {
    /// Says who goes on with what is taken over. To be called once.
    pub fn adopt_with(&self, adopter: Arc<dyn Adopter>) {
        if self.adopter.set(adopter).is_err() {
            warn!("The streams of upstreams were given a second reader; the first one is used.");
        }
    }

    /// Takes over what a dead boot held, at most `at_most` sessions; whether nothing is left.
    pub async fn adopt_from(&self, boot: &BootId, at_most: usize) -> bool {
        let adopter = self.adopter.get();
        let Some((adopter, claimant)) = adopter.and_then(|adopter| Some((adopter, adopter.claimant()?)))
        else {
            return false;
        };
        match self.take_over(boot, &claimant, None, at_most).await {
            Ok(sweep) => {
                let is_all = sweep.kept == 0 && sweep.next.is_none();
                sweep.taken.into_iter().for_each(|taken| adopter.adopt(taken));
                is_all
            }
            Err(error) => {
                debug!(message = "The upstream streams of a dead replica could not be taken over.", %boot, %error);
                false
            }
        }
    }

    /// Claims for `claimant` what a dead boot held, at most `at_most` sessions, and removes its index entries.
    ///
    /// The judge is asked for each owner, so calling this for a living boot does no harm. If the process stops after a
    /// claim, its own index entry leads the next sweeper there.
    ///
    /// # Errors
    /// What stopped the step. What was done stays done; the next step starts at the same cursor.
    pub async fn take_over(
        &self,
        boot: &BootId,
        claimant: &Claimant,
        after: Option<&Cursor>,
        at_most: usize,
    ) -> Result<GetSweep, GetError> {
        let scope = index::scope(boot);
        let (scope, prefix) = (scope.as_bytes(), index::PREFIX.as_bytes());
        let listed = self
            .parts
            .key_value
            .list(scope, prefix, after, at_most.max(1))
            .await;
        let page = listed.map_err(GetError::harmless)?;
        let mut sweep = GetSweep {
            next: page.next,
            ..GetSweep::default()
        };
        let mut verdicts = HashMap::new();
        for found in page.entries {
            let Some(session) = index::session_of(&found.name) else {
                warn!(message = "An index entry of a GET stream cannot be read.", %boot);
                sweep.kept += 1;
                continue;
            };
            if !self
                .take_over_in(session, boot, claimant, &mut verdicts, &mut sweep.taken)
                .await?
            {
                sweep.kept += 1;
                continue;
            }
            let expect = Expect::Version(found.entry.version);
            match self
                .parts
                .key_value
                .delete(&index::key(boot, session), expect)
                .await
            {
                // Another sweeper was first.
                Err(error) if error.kind() != ErrorKind::Conflict => return Err(GetError::harmless(error)),
                _ => {}
            }
        }
        Ok(sweep)
    }

    /// Claims what the boot holds for one session; `false` where it is not dead.
    async fn take_over_in(
        &self,
        session: &str,
        boot: &BootId,
        claimant: &Claimant,
        verdicts: &mut HashMap<OwnerPair, bool>,
        taken: &mut Vec<TakenOver>,
    ) -> Result<bool, GetError> {
        let Some(stored) = self.read(&super::key(session)).await? else {
            return Ok(true);
        };
        let theirs = stored
            .record
            .upstreams
            .iter()
            .filter(|(_, held)| held.boot == *boot);
        for (upstream, held) in theirs {
            let is_dead = match verdicts.get(&held.owner) {
                Some(verdict) => *verdict,
                None => {
                    let verdict = self.is_dead(&held.owner).await?;
                    verdicts.insert(held.owner.clone(), verdict);
                    verdict
                }
            };
            if !is_dead {
                return Ok(false);
            }
            if let Claim::Mine { version, wake, .. } =
                self.claim_upstream(session, upstream, &held.of, claimant).await?
            {
                taken.push(TakenOver {
                    session: session.to_owned(),
                    upstream: upstream.clone(),
                    wake,
                    version,
                });
            }
        }
        Ok(true)
    }
}
