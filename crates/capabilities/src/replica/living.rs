//! Whose streams still reach clients.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use mcpg_cluster::{Moment, Result};
use parking_lot::Mutex;

use super::Replica;
use crate::delivery::get::Living;
use crate::owner::OwnerPair;

/// How long an answer about another replica's lease is used. A replica that dies meanwhile gets a message more into the
/// log of a stream of its; the client that resumes the stream gets it from there.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// The latest answers, by owner.
pub(super) type Seen = Mutex<HashMap<OwnerPair, (Moment, bool)>>;

#[async_trait]
impl Living for Replica {
    async fn lives(&self, owner: &OwnerPair) -> Result<bool> {
        if owner.lease == self.lease_name() {
            return Ok(self.owner().as_ref() == Some(owner));
        }
        let clock = &self.parts.clock;
        let asked = clock.now();
        let known = self.seen.lock().get(owner).copied();
        if let Some((at, lives)) = known
            && asked.saturating_since(at) < GOOD_FOR
        {
            return Ok(lives);
        }
        let holder = self.parts.lease.holder(owner.lease.as_bytes()).await?;
        let lives = holder.is_some_and(|holder| holder.token.get() == owner.token);
        let mut seen = self.seen.lock();
        seen.retain(|_, (at, _)| asked.saturating_since(*at) < GOOD_FOR);
        seen.insert(owner.clone(), (asked, lives));
        Ok(lives)
    }
}
