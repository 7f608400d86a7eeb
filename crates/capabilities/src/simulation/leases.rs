//! The backend's leases.

use std::collections::BTreeMap;

use bytes::Bytes;
use mcpg_cluster::{Error, ErrorKind, Grant, Holder, LeaseRequest, Nonce, Result, Token};
use tokio::time::Instant;

struct Held {
    holder: Bytes,
    token: Token,
    nonce: Nonce,
    expires_at: Instant,
}

#[derive(Default)]
pub(super) struct Leases {
    held: BTreeMap<Bytes, Held>,
    last_token: u64,
}

impl Leases {
    pub(super) fn acquire(&mut self, request: &LeaseRequest) -> Option<Grant> {
        if let Some(held) = self.live(&request.name) {
            let repeated = held.nonce == request.nonce && held.holder == request.holder;
            return repeated.then(|| grant(request, held.token));
        }
        self.last_token += 1;
        let token = Token::new(self.last_token);
        let held = Held {
            holder: request.holder.clone(),
            token,
            nonce: request.nonce,
            expires_at: Instant::now() + request.ttl,
        };
        self.held.insert(request.name.clone(), held);
        Some(grant(request, token))
    }

    pub(super) fn renew(&mut self, request: &LeaseRequest, token: Token) -> Result<Grant> {
        match self.live(&request.name) {
            Some(held) if held.token == token => {
                held.expires_at = Instant::now() + request.ttl;
                Ok(grant(request, token))
            }
            _ => Err(Error::new(
                ErrorKind::NotHeld,
                "the lease is not held with this token",
            )),
        }
    }

    pub(super) fn release(&mut self, name: &[u8], token: Token) {
        if self.live(name).is_some_and(|held| held.token == token) {
            self.held.remove(name);
        }
    }

    pub(super) fn holder(&mut self, name: &[u8]) -> Option<Holder> {
        self.live(name).map(|held| Holder {
            holder: held.holder.clone(),
            token: held.token,
        })
    }

    /// Forgets all leases; tokens go on growing, as this backend declares.
    pub(super) fn lose_everything(&mut self) {
        self.held.clear();
    }

    fn live(&mut self, name: &[u8]) -> Option<&mut Held> {
        let now = Instant::now();
        self.held.get_mut(name).filter(|held| now < held.expires_at)
    }
}

fn grant(request: &LeaseRequest, token: Token) -> Grant {
    Grant {
        token,
        ttl: request.ttl,
        renew_after: request.ttl / 3,
    }
}
