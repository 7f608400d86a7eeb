//! `Lease`: one hash per lease, with the token, the nonce and the holder.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mcpg_plugin_sdk::cluster::{
    Error, ErrorKind, Grant, Holder, Lease, LeaseRequest, Result, Token, check_length, safety_margin,
};

use crate::client::Client;
use crate::error::Effect;
use crate::store::milliseconds;

pub(crate) struct RedisLease(pub(crate) Arc<Client>);

impl RedisLease {
    fn grant(&self, ttl: Duration, token: Token) -> Grant {
        Grant {
            token,
            ttl,
            renew_after: renew_after(ttl, self.0.settings.lease_renew_before_expiry_percent),
        }
    }
}

/// The configured share of the TTL, but early enough to be repeated before a guard gives the lease up for lost.
fn renew_after(ttl: Duration, percent: u32) -> Duration {
    (ttl * percent / 100).min(ttl - safety_margin(ttl) * 2)
}

#[async_trait]
impl Lease for RedisLease {
    async fn acquire(&self, request: &LeaseRequest) -> Result<Option<Grant>> {
        check_length("lease name", &request.name)?;
        check_length("lease holder", &request.holder)?;
        let ttl = milliseconds(request.ttl)?.to_string();
        let nonce = request.nonce.to_string();
        let keys: [&[u8]; 2] = [&self.0.names.lease(&request.name), &self.0.names.fence()];
        let arguments: [&[u8]; 3] = [&request.holder, nonce.as_bytes(), ttl.as_bytes()];
        let acquire = &self.0.scripts.acquire;
        let token: Option<u64> = self.0.run(acquire, &keys, &arguments, Effect::Write).await?;
        Ok(token.map(|token| self.grant(request.ttl, Token::new(token))))
    }

    async fn renew(&self, request: &LeaseRequest, token: Token) -> Result<Grant> {
        check_length("lease name", &request.name)?;
        let ttl = milliseconds(request.ttl)?.to_string();
        let number = token.get().to_string();
        let key = self.0.names.lease(&request.name);
        let renew = &self.0.scripts.renew;
        let arguments: [&[u8]; 2] = [number.as_bytes(), ttl.as_bytes()];
        let renewed: i64 = self.0.run(renew, &[&key], &arguments, Effect::Write).await?;
        if renewed == 1 {
            return Ok(self.grant(request.ttl, token));
        }
        let message = "the lease is not held with this token";
        Err(Error::new(ErrorKind::NotHeld, message)
            .with_context("lease", request.name.escape_ascii().to_string())
            .with_context("token", number))
    }

    async fn release(&self, name: &[u8], token: Token) -> Result<()> {
        check_length("lease name", name)?;
        let number = token.get().to_string();
        let key = self.0.names.lease(name);
        let release = &self.0.scripts.release;
        let arguments: [&[u8]; 1] = [number.as_bytes()];
        self.0
            .run::<i64>(release, &[&key], &arguments, Effect::Write)
            .await?;
        Ok(())
    }

    async fn holder(&self, name: &[u8]) -> Result<Option<Holder>> {
        check_length("lease name", name)?;
        let mut command = redis::cmd("HMGET");
        command.arg(self.0.names.lease(name)).arg("h").arg("t");
        let found: (Option<Vec<u8>>, Option<u64>) = self.0.call(&command, Effect::Read).await?;
        Ok(match found {
            (Some(holder), Some(token)) => Some(Holder {
                holder: holder.into(),
                token: Token::new(token),
            }),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_renewed_as_configured_and_never_too_late() {
        let seconds = Duration::from_secs;
        assert_eq!(renew_after(seconds(30), 80), seconds(24));
        assert_eq!(renew_after(seconds(30), 33), Duration::from_millis(9900));
        assert_eq!(renew_after(seconds(30), 99), seconds(24));
        assert_eq!(
            renew_after(Duration::from_millis(500), 80),
            Duration::from_millis(250)
        );
    }
}
