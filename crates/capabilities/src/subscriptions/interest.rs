//! Which sessions want a subscription.

use bytes::Bytes;
use mcpg_cluster::{ErrorKind, Expect, Key, Version};

use super::error::SubscriptionError;
use super::handle::Subscriptions;
use super::name::SubscriptionName;
use crate::store::{Fields, Format};

/// How often an interest is written against other replicas that serve the same session.
const ATTEMPTS: usize = 16;

impl Subscriptions {
    /// Writes that `session` wants it. What stands there is replaced, so that whoever read the interest before and
    /// removes it now removes nothing.
    pub(super) async fn want(&self, name: &SubscriptionName, session: &str) -> Result<(), SubscriptionError> {
        let key = key(name, session);
        let mut fields = Fields::write(Format::NATIVE);
        fields.put("uri", name.uri())?;
        let value = Bytes::from(fields.into_bytes()?);
        let ttl = Some(self.config.ttl);
        let mut expect = Expect::Absent;
        for _ in 0..ATTEMPTS {
            match self.key_value.put(&key, value.clone(), expect, ttl).await {
                Ok(_) => return Ok(()),
                // An earlier copy of this write may be what stands there; it is written over once more.
                Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Indeterminate) => {
                    let found = self.key_value.get(&key).await?;
                    expect = found.map_or(Expect::Absent, |entry| Expect::Version(entry.version));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(SubscriptionError::contended())
    }

    /// The version of a session's interest, to be read before the session says that it wants it no more.
    ///
    /// # Errors
    /// Why it could not be read.
    pub async fn interest(
        &self,
        name: &SubscriptionName,
        session: &str,
    ) -> Result<Option<Version>, SubscriptionError> {
        let entry = self.key_value.get(&key(name, session)).await?;
        Ok(entry.map(|entry| entry.version))
    }

    /// Removes an interest that still is of this version.
    pub(super) async fn want_no_more(
        &self,
        name: &SubscriptionName,
        session: &str,
        version: Version,
    ) -> Result<(), SubscriptionError> {
        let removed = self
            .key_value
            .delete(&key(name, session), Expect::Version(version))
            .await;
        match removed {
            // Somebody wants it again, or has removed it.
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            other => Ok(other?),
        }
    }

    /// Keeps an interest alive, for a session that lives.
    ///
    /// # Errors
    /// Why it could not be kept.
    pub async fn keep_interest(
        &self,
        name: &SubscriptionName,
        session: &str,
    ) -> Result<(), SubscriptionError> {
        let Some(version) = self.interest(name, session).await? else {
            return Ok(());
        };
        match self
            .key_value
            .touch(&key(name, session), self.config.ttl, version)
            .await
        {
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            other => Ok(other.map(drop)?),
        }
    }

    /// Whether any session wants it.
    pub(super) async fn is_wanted(&self, name: &SubscriptionName) -> Result<bool, SubscriptionError> {
        let page = self.key_value.list(scope(name).as_bytes(), b"", None, 1).await?;
        Ok(!page.entries.is_empty())
    }
}

fn scope(name: &SubscriptionName) -> String {
    format!("interest/{}", name.digest())
}

fn key(name: &SubscriptionName, session: &str) -> Key {
    Key::new(scope(name), Bytes::copy_from_slice(session.as_bytes()))
}
