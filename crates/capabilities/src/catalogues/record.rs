//! What is kept of an upstream's lists.

use serde::{Deserialize, Serialize};

use crate::levels::Raised;
use crate::store::{Fields, FormatError, Nonces, Record};

/// The content of an upstream's lists, as texts that are equal when and only when the lists are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digests {
    /// Of the tools.
    pub tools: String,
    /// Of the prompts.
    pub prompts: String,
    /// Of the resources and of their templates.
    pub resources: String,
}

/// The lists that changed since the last announcement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Changed {
    tools: bool,
    prompts: bool,
    resources: bool,
}

/// The record of one upstream's lists.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// How often the lists have changed.
    pub version: u64,
    /// What they contain in that version.
    pub digests: Digests,
    /// The version up to which clients were told.
    pub(super) announced: u64,
    pub(super) changed: Changed,
    nonces: Nonces,
    unknown: Fields,
}

impl Catalogue {
    /// The first version, of which nobody has to be told.
    pub(super) fn first(digests: Digests) -> Self {
        Self {
            version: 1,
            digests,
            announced: 1,
            changed: Changed::default(),
            nonces: Nonces::default(),
            unknown: Fields::default(),
        }
    }

    /// The lists have another content now.
    pub(super) fn change(&mut self, digests: Digests) {
        self.version += 1;
        self.changed.tools |= self.digests.tools != digests.tools;
        self.changed.prompts |= self.digests.prompts != digests.prompts;
        self.changed.resources |= self.digests.resources != digests.resources;
        self.digests = digests;
    }

    /// Whether clients have to be told.
    pub(super) fn is_announced(&self) -> bool {
        self.announced >= self.version
    }

    /// What clients have to be told.
    pub(super) fn raised(&self) -> Raised {
        Raised {
            tools: self.changed.tools,
            prompts: self.changed.prompts,
            resources: self.changed.resources,
            ..Raised::default()
        }
    }

    /// Clients were told of everything up to this version.
    pub(super) fn announce(&mut self) {
        self.announced = self.version;
        self.changed = Changed::default();
    }
}

impl Record for Catalogue {
    fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut fields = Fields::read(bytes)?;
        Ok(Self {
            version: fields.require("version")?,
            digests: fields.require("digests")?,
            announced: fields.require("announced")?,
            changed: fields.take("changed")?.unwrap_or_default(),
            nonces: fields.take("nonces")?.unwrap_or_default(),
            unknown: fields,
        })
    }

    fn encode(&self, format: u32) -> Result<Vec<u8>, FormatError> {
        let mut fields = Fields::write(format);
        fields.put("version", &self.version)?;
        fields.put("digests", &self.digests)?;
        fields.put("announced", &self.announced)?;
        fields.put("changed", &self.changed)?;
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
