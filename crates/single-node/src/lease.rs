//! Lease in memory.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use mcpg_cluster::{
    Error, ErrorKind, Grant, Holder, Lease, LeaseRequest, Nonce, Result, Token, check_length,
};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::gate::Gate;
use crate::key_value::expiry;

/// All leases. One lock is enough: a replica holds one lease and renews it a few times a minute.
#[derive(Default)]
pub(crate) struct Leases {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    held: HashMap<Bytes, Held>,
    /// One counter for all names, so that no name needs to be remembered after its lease is gone.
    last_token: u64,
    /// The size at which expired leases are removed next.
    prune_at: usize,
}

struct Held {
    holder: Bytes,
    token: Token,
    nonce: Nonce,
    expires_at: Instant,
}

impl Table {
    fn live(&mut self, name: &[u8]) -> Option<&mut Held> {
        let now = Instant::now();
        self.held.get_mut(name).filter(|held| now < held.expires_at)
    }

    /// Doubling the size between two rounds keeps the cost of each acquisition constant.
    fn prune(&mut self) {
        if self.held.len() < self.prune_at {
            return;
        }
        let now = Instant::now();
        self.held.retain(|_, held| now < held.expires_at);
        self.prune_at = (self.held.len() * 2).max(64);
    }
}

pub(crate) struct MemoryLease {
    leases: Arc<Leases>,
    gate: Arc<Gate>,
}

impl MemoryLease {
    pub(crate) fn new(leases: &Arc<Leases>, gate: &Arc<Gate>) -> Self {
        Self {
            leases: Arc::clone(leases),
            gate: Arc::clone(gate),
        }
    }

    fn check(&self, name: &[u8]) -> Result<()> {
        self.gate.check()?;
        check_length("lease name", name)
    }
}

#[async_trait]
impl Lease for MemoryLease {
    async fn acquire(&self, request: &LeaseRequest) -> Result<Option<Grant>> {
        self.check(&request.name)?;
        check_length("lease holder", &request.holder)?;
        let expires_at = expiry(Instant::now(), request.ttl)?;
        let mut table = self.leases.table.lock();
        if let Some(held) = table.live(&request.name) {
            let repeated = held.nonce == request.nonce && held.holder == request.holder;
            return Ok(repeated.then(|| grant(request, held.token)));
        }
        table.prune();
        table.last_token += 1;
        let token = Token::new(table.last_token);
        let held = Held {
            holder: request.holder.clone(),
            token,
            nonce: request.nonce,
            expires_at,
        };
        table.held.insert(request.name.clone(), held);
        Ok(Some(grant(request, token)))
    }

    async fn renew(&self, request: &LeaseRequest, token: Token) -> Result<Grant> {
        self.check(&request.name)?;
        let expires_at = expiry(Instant::now(), request.ttl)?;
        let mut table = self.leases.table.lock();
        match table.live(&request.name) {
            Some(held) if held.token == token => {
                held.expires_at = expires_at;
                Ok(grant(request, token))
            }
            _ => {
                let message = "the lease is not held with this token";
                Err(Error::new(ErrorKind::NotHeld, message)
                    .with_context("lease", request.name.escape_ascii().to_string())
                    .with_context("token", token.get().to_string()))
            }
        }
    }

    async fn release(&self, name: &[u8], token: Token) -> Result<()> {
        self.check(name)?;
        let mut table = self.leases.table.lock();
        if table.live(name).is_some_and(|held| held.token == token) {
            table.held.remove(name);
        }
        Ok(())
    }

    async fn holder(&self, name: &[u8]) -> Result<Option<Holder>> {
        self.check(name)?;
        let mut table = self.leases.table.lock();
        Ok(table.live(name).map(|held| Holder {
            holder: held.holder.clone(),
            token: held.token,
        }))
    }
}

fn grant(request: &LeaseRequest, token: Token) -> Grant {
    Grant {
        token,
        ttl: request.ttl,
        renew_after: request.ttl / 3,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn names_of_expired_leases_are_forgotten() {
        let leases = Arc::<Leases>::default();
        let lease = MemoryLease::new(&leases, &Arc::default());
        for number in 0..10_000 {
            let ttl = Duration::from_millis(10);
            let request = LeaseRequest::new(number.to_string(), "holder", ttl).unwrap();
            lease.acquire(&request).await.unwrap().unwrap();
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        let kept = leases.table.lock().held.len();
        assert!(kept <= 64, "{kept} leases are kept");
    }
}
