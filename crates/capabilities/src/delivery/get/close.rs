//! The end of a session's GET streams.

use mcpg_cluster::Expect;

use super::GetError;
use super::handle::{ATTEMPTS, GetStreams, Wrote, give_way};
use super::record::State;
use crate::owner::BootId;
use crate::store::Stored;

impl GetStreams {
    /// Closes the streams of a session for good, and says who held streams of upstreams for it. The record stays for
    /// its TTL: a late copy of a write that would create it meets it. Where none stands, none was ever needed.
    ///
    /// # Errors
    /// Why it could not be settled; the record then expires.
    pub async fn close(&self, session: &str) -> Result<Vec<BootId>, GetError> {
        let mut stored = self.read(&super::key(session)).await?;
        for attempt in 0..ATTEMPTS {
            let Some(Stored { mut record, version }) = stored else {
                return Ok(Vec::new());
            };
            if record.state == State::Closed {
                return Ok(Vec::new());
            }
            let holders = record.upstreams.values().map(|held| held.boot.clone());
            let mut boots: Vec<BootId> = holders.collect();
            boots.sort();
            boots.dedup();
            record.close();
            match self
                .write(session, record, Expect::Version(version), None)
                .await?
            {
                Wrote::Done(_) => {
                    for boot in &boots {
                        self.forget_claims(session, boot).await;
                    }
                    return Ok(boots);
                }
                Wrote::Other(other) => stored = other,
            }
            give_way(attempt).await;
        }
        Err(GetError::contended())
    }
}
