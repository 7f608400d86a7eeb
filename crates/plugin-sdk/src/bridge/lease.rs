//! Lease.

use std::sync::Arc;

use bytes::Bytes;
use mcpg_cluster::{Lease, Token};
use mcpg_plugin_abi::{
    AbiGrant, AbiHolder, AbiLeaseRequest, Answer, LeaseObject, LeaseTrait, LeaseTrait_TO, ROption, RSlice,
    RVec, TD_Opaque,
};

use crate::convert::{grant, lease_request};
use crate::guard::{Call, Held, future};

pub(super) fn object(lease: Arc<dyn Lease>) -> LeaseObject {
    LeaseTrait_TO::from_value(Bridge(Held::new(lease)), TD_Opaque)
}

struct Bridge(Held<Arc<dyn Lease>>);

impl LeaseTrait for Bridge {
    fn acquire(&self, request: AbiLeaseRequest) -> Answer<ROption<AbiGrant>> {
        let lease = Arc::clone(&self.0);
        future(Call::Write("acquire"), async move {
            let granted = lease.acquire(&lease_request(request)).await?;
            Ok(granted.map(grant).into())
        })
    }

    fn renew(&self, request: AbiLeaseRequest, token: u64) -> Answer<AbiGrant> {
        let lease = Arc::clone(&self.0);
        future(Call::Write("renew"), async move {
            let request = lease_request(request);
            lease.renew(&request, Token::new(token)).await.map(grant)
        })
    }

    fn release(&self, name: RSlice<'_, u8>, token: u64) -> Answer<()> {
        let (lease, name) = (Arc::clone(&self.0), Bytes::copy_from_slice(name.as_slice()));
        future(Call::Write("release"), async move {
            lease.release(&name, Token::new(token)).await
        })
    }

    fn holder(&self, name: RSlice<'_, u8>) -> Answer<ROption<AbiHolder>> {
        let (lease, name) = (Arc::clone(&self.0), Bytes::copy_from_slice(name.as_slice()));
        future(Call::Read("holder"), async move {
            let holder = lease.holder(&name).await?;
            let holder = holder.map(|holder| AbiHolder {
                holder: RVec::from(Vec::from(holder.holder)),
                token: holder.token.get(),
            });
            Ok(holder.into())
        })
    }
}
