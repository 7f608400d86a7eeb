//! The record of a subscription.

use serde::{Deserialize, Serialize};

use super::name::SubscriptionName;
use crate::owner::{BootId, OwnerPair};
use crate::store::{Fields, FormatError, Nonces, Record};

/// The replica that is subscribed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    pub(super) boot: BootId,
    pub(super) owner: OwnerPair,
}

/// Who holds a subscription.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    pub(super) upstream: String,
    pub(super) uri: String,
    /// `None`: nobody is subscribed.
    pub(super) holder: Option<Holder>,
    nonces: Nonces,
    unknown: Fields,
}

impl Subscription {
    pub(super) fn of(name: &SubscriptionName) -> Self {
        Self {
            upstream: name.upstream().to_owned(),
            uri: name.uri().to_owned(),
            holder: None,
            nonces: Nonces::default(),
            unknown: Fields::default(),
        }
    }

    pub(super) fn is_held_by(&self, boot: &BootId) -> bool {
        self.holder.as_ref().is_some_and(|holder| holder.boot == *boot)
    }
}

impl Record for Subscription {
    fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut fields = Fields::read(bytes)?;
        Ok(Self {
            upstream: fields.require("upstream")?,
            uri: fields.require("uri")?,
            holder: fields.take("holder")?,
            nonces: fields.take("nonces")?.unwrap_or_default(),
            unknown: fields,
        })
    }

    fn encode(&self, format: u32) -> Result<Vec<u8>, FormatError> {
        let mut fields = Fields::write(format);
        fields.put("upstream", &self.upstream)?;
        fields.put("uri", &self.uri)?;
        if let Some(holder) = &self.holder {
            fields.put("holder", holder)?;
        }
        fields.put("nonces", &self.nonces)?;
        fields.extend(&self.unknown);
        fields.into_bytes()
    }

    fn nonces(&self) -> &Nonces {
        &self.nonces
    }

    fn nonces_mut(&mut self) -> &mut Nonces {
        &mut self.nonces
    }
}
