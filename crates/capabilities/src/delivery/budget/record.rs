//! What stands in the record of a budget.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::owner::{BootId, OwnerPair};
use crate::store::{Fields, FormatError, Nonces, Record};

/// What one replica has taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Share {
    /// By it others find out whether the replica is dead.
    pub(super) owner: OwnerPair,
    pub(super) bytes: u64,
}

/// Who has taken how much of one principal's budget.
#[derive(Clone, Debug, Default)]
pub(super) struct BudgetRecord {
    pub(super) shares: BTreeMap<BootId, Share>,
    nonces: Nonces,
    unknown: Fields,
}

impl BudgetRecord {
    /// What one replica has taken.
    pub(super) fn of(&self, boot: &BootId) -> u64 {
        self.shares.get(boot).map_or(0, |share| share.bytes)
    }

    /// What all others have taken.
    pub(super) fn others(&self, boot: &BootId) -> u64 {
        let others = self.shares.iter().filter(|(other, _)| *other != boot);
        others.map(|(_, share)| share.bytes).sum()
    }

    /// Who has taken anything.
    pub(super) fn owners(&self) -> Vec<(BootId, OwnerPair)> {
        let shares = self.shares.iter();
        shares
            .map(|(boot, share)| (boot.clone(), share.owner.clone()))
            .collect()
    }
}

impl Record for BudgetRecord {
    fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut fields = Fields::read(bytes)?;
        Ok(Self {
            shares: fields.take("shares")?.unwrap_or_default(),
            nonces: fields.take("nonces")?.unwrap_or_default(),
            unknown: fields,
        })
    }

    fn encode(&self, format: u32) -> Result<Vec<u8>, FormatError> {
        let mut fields = Fields::write(format);
        fields.put("shares", &self.shares)?;
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
