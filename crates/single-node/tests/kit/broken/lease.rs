//! Lease with a fault.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use mcpg_cluster::{Grant, Holder, Lease, LeaseRequest, Nonce, Result, Token};
use parking_lot::Mutex;

use super::Fault;

/// The true token of each lease, where the broken backend shows or takes another one.
#[derive(Default)]
pub(crate) struct Kept {
    tokens: Mutex<HashMap<Bytes, Token>>,
}

pub(crate) struct BrokenLease {
    pub(crate) inner: Arc<dyn Lease>,
    pub(crate) fault: Fault,
    pub(crate) kept: Arc<Kept>,
}

impl BrokenLease {
    /// The token that the correct lease is called with.
    fn true_token(&self, name: &[u8], token: Token, ignores: Fault) -> Token {
        if self.fault == ignores || self.fault == Fault::TokensRepeat {
            return self.kept.tokens.lock().get(name).copied().unwrap_or(token);
        }
        token
    }

    fn shown(&self, token: Token) -> Token {
        if self.fault == Fault::TokensRepeat {
            return Token::new(1);
        }
        token
    }
}

#[async_trait]
impl Lease for BrokenLease {
    async fn acquire(&self, request: &LeaseRequest) -> Result<Option<Grant>> {
        let mut request = request.clone();
        if self.fault == Fault::NonceIsIgnored {
            request.nonce = Nonce::random()?;
        }
        let grant = self.inner.acquire(&request).await?;
        Ok(grant.map(|grant| {
            self.kept.tokens.lock().insert(request.name, grant.token);
            Grant {
                token: self.shown(grant.token),
                ..grant
            }
        }))
    }

    async fn renew(&self, request: &LeaseRequest, token: Token) -> Result<Grant> {
        let token = self.true_token(&request.name, token, Fault::RenewIgnoresTheToken);
        let grant = self.inner.renew(request, token).await?;
        Ok(Grant {
            token: self.shown(grant.token),
            ..grant
        })
    }

    async fn release(&self, name: &[u8], token: Token) -> Result<()> {
        let token = self.true_token(name, token, Fault::ReleaseIgnoresTheToken);
        self.inner.release(name, token).await
    }

    async fn holder(&self, name: &[u8]) -> Result<Option<Holder>> {
        let holder = self.inner.holder(name).await?;
        Ok(holder.map(|holder| Holder {
            token: self.shown(holder.token),
            ..holder
        }))
    }
}
