//! Lease.

use async_trait::async_trait;
use mcpg_cluster::{Grant, Holder, Lease, LeaseRequest, Result, Token};
use mcpg_plugin_abi::LeaseObject;

use crate::bounded::Bounds;
use crate::convert::{bytes, grant, lease_request, slice};

pub(super) struct PluginLease {
    object: LeaseObject,
    bounds: Bounds,
}

impl PluginLease {
    pub(super) fn new(object: LeaseObject, bounds: &Bounds) -> Self {
        let bounds = bounds.clone();
        Self { object, bounds }
    }
}

#[async_trait]
impl Lease for PluginLease {
    async fn acquire(&self, request: &LeaseRequest) -> Result<Option<Grant>> {
        let answer = self.object.acquire(lease_request(request));
        let granted = self.bounds.write("acquire", answer).await?;
        Ok(granted.into_option().map(grant))
    }

    async fn renew(&self, request: &LeaseRequest, token: Token) -> Result<Grant> {
        let answer = self.object.renew(lease_request(request), token.get());
        self.bounds.write("renew", answer).await.map(grant)
    }

    async fn release(&self, name: &[u8], token: Token) -> Result<()> {
        let answer = self.object.release(slice(name), token.get());
        self.bounds.write("release", answer).await
    }

    async fn holder(&self, name: &[u8]) -> Result<Option<Holder>> {
        let holder = self
            .bounds
            .read("holder", self.object.holder(slice(name)))
            .await?;
        Ok(holder.into_option().map(|holder| Holder {
            holder: bytes(holder.holder),
            token: Token::new(holder.token),
        }))
    }
}
