//! What is kept of a session.

use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::owner::OwnerPair;
use crate::store::{Fields, FormatError, Nonces, Record};

/// Whether a session still lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// It can be used.
    Open,
    /// It was closed; what it opened elsewhere is being closed. It never opens again.
    Closing,
}

/// A session that the gateway opened at an upstream for one client session: opaque to this crate.
pub type UpstreamSession = Box<RawValue>;

/// The record of one client session.
#[derive(Clone, Debug)]
pub struct SessionRecord {
    /// Whether it still lives.
    pub state: SessionState,
    /// The revision that initialize negotiated.
    pub protocol_version: String,
    /// The client's capabilities as declared, a raw JSON object.
    pub capabilities: Arc<RawValue>,
    /// The client's name and version as declared.
    pub client_info: Option<Arc<RawValue>>,
    /// Whether notifications/initialized has arrived.
    pub initialized: bool,
    /// The level that logging/setLevel set last.
    pub log_level: Option<String>,
    /// Sessions held at upstreams on behalf of this one, by the upstream's name.
    pub upstreams: IndexMap<String, UpstreamSession>,
    /// Who opens an upstream session again that the upstream forgot, by the upstream's name.
    pub reopening: IndexMap<String, OwnerPair>,
    /// The URIs that the client subscribed to, in the order of subscribing.
    pub subscriptions: IndexSet<String>,
    /// Up to where the feed of levels was known when the session was opened; 0, which is before everything, when that is
    /// not known.
    pub levels_from: u64,
    nonces: Nonces,
    unknown: Fields,
}

impl SessionRecord {
    /// Starts the record of a session that is about to be created.
    pub fn new(
        protocol_version: impl Into<String>,
        capabilities: Arc<RawValue>,
        client_info: Option<Arc<RawValue>>,
    ) -> Self {
        Self {
            state: SessionState::Open,
            protocol_version: protocol_version.into(),
            capabilities,
            client_info,
            initialized: false,
            log_level: None,
            upstreams: IndexMap::new(),
            reopening: IndexMap::new(),
            subscriptions: IndexSet::new(),
            levels_from: 0,
            nonces: Nonces::default(),
            unknown: Fields::default(),
        }
    }

    /// A record that says no more than that there is no session.
    pub(super) fn tombstone() -> Self {
        let nothing = RawValue::from_string("{}".to_owned()).expect("an empty object is valid JSON");
        Self {
            state: SessionState::Closing,
            ..Self::new("", nothing.into(), None)
        }
    }
}

impl Record for SessionRecord {
    fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut fields = Fields::read(bytes)?;
        Ok(Self {
            state: fields.require("state")?,
            protocol_version: fields.require("protocol_version")?,
            capabilities: fields.require::<Box<RawValue>>("capabilities")?.into(),
            client_info: fields.take::<Box<RawValue>>("client_info")?.map(Into::into),
            initialized: fields.require("initialized")?,
            log_level: fields.take("log_level")?,
            upstreams: fields.take("upstreams")?.unwrap_or_default(),
            reopening: fields.take("reopening")?.unwrap_or_default(),
            subscriptions: fields.take("subscriptions")?.unwrap_or_default(),
            levels_from: fields.take("levels_from")?.unwrap_or_default(),
            nonces: fields.take("nonces")?.unwrap_or_default(),
            unknown: fields,
        })
    }

    fn encode(&self, format: u32) -> Result<Vec<u8>, FormatError> {
        let mut fields = Fields::write(format);
        fields.put("state", &self.state)?;
        fields.put("protocol_version", &self.protocol_version)?;
        fields.put("capabilities", self.capabilities.as_ref())?;
        if let Some(client_info) = &self.client_info {
            fields.put("client_info", client_info.as_ref())?;
        }
        fields.put("initialized", &self.initialized)?;
        if let Some(log_level) = &self.log_level {
            fields.put("log_level", log_level)?;
        }
        if !self.upstreams.is_empty() {
            fields.put("upstreams", &self.upstreams)?;
        }
        if !self.reopening.is_empty() {
            fields.put("reopening", &self.reopening)?;
        }
        if !self.subscriptions.is_empty() {
            fields.put("subscriptions", &self.subscriptions)?;
        }
        fields.put("levels_from", &self.levels_from)?;
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
