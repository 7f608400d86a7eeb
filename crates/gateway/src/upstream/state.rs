//! What is known of an upstream at the moment.

use std::sync::Arc;

use mcpg_mcp::initialize::ServerCapabilities;
use mcpg_mcp::version::{Era, ProtocolVersion};
use serde_json::value::RawValue;
use tokio::time::Instant;

/// Whether an upstream can be reached, and what it offers.
///
/// The offers of an upstream that is down are those it had last; before the first contact there are none.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// Whether it can be reached.
    pub(crate) status: Status,
    /// What it offers in the legacy era, if it speaks it.
    pub(crate) legacy: Option<Arc<Offer>>,
    /// What it offers in the modern era, if it speaks it.
    pub(crate) modern: Option<Arc<Offer>>,
}

/// Whether an upstream can be reached.
#[derive(Debug, Clone, Default)]
pub(crate) enum Status {
    /// The first attempt has not ended yet.
    #[default]
    Connecting,
    /// It answers.
    Up,
    /// It does not answer.
    Down {
        /// Why, as it was found out first.
        cause: String,
        /// Since when.
        since: Instant,
    },
}

/// What an upstream offers in one era.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    /// The revision that is spoken in this era.
    pub(crate) version: ProtocolVersion,
    /// The server's capabilities (raw JSON object).
    pub(crate) capabilities: Box<RawValue>,
    /// The server's name and version (raw JSON object), if it says them.
    pub(crate) server_info: Option<Box<RawValue>>,
    /// How to use the server, for a language model.
    pub(crate) instructions: Option<String>,
    /// Its tools, raw, in its order. Empty where tools are not imported.
    pub(crate) tools: Vec<Box<RawValue>>,
    /// Its prompts.
    pub(crate) prompts: Vec<Box<RawValue>>,
    /// Its resources.
    pub(crate) resources: Vec<Box<RawValue>>,
    /// Its resource templates.
    pub(crate) resource_templates: Vec<Box<RawValue>>,
    /// Whether it gives out session ids. Never in the modern era.
    pub(crate) mints_sessions: bool,
}

impl State {
    /// What a client of `era` can use: the offer of its own era, else of the other one.
    pub(crate) fn offer_for(&self, era: Era) -> Option<&Offer> {
        let (own, other) = match era {
            Era::Legacy => (&self.legacy, &self.modern),
            Era::Modern => (&self.modern, &self.legacy),
        };
        own.as_deref().or(other.as_deref())
    }

    /// Whether legacy sessions may be told a log level.
    pub(crate) fn has_logging(&self) -> bool {
        self.legacy.as_ref().is_some_and(|offer| offer.server().logging())
    }

    /// Whether a client of `era` can read resources here.
    pub(crate) fn offers_resources(&self, era: Era) -> bool {
        self.offer_for(era)
            .is_some_and(|offer| offer.server().resources())
    }
}

impl Status {
    /// Whether the first attempt is still under way.
    pub(crate) fn is_connecting(&self) -> bool {
        matches!(self, Self::Connecting)
    }

    /// Whether the upstream answers.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self, Self::Up)
    }

    /// Whether the upstream was found dead.
    pub(crate) fn is_down(&self) -> bool {
        matches!(self, Self::Down { .. })
    }
}

impl Offer {
    /// Questions about the capabilities.
    pub(crate) fn server(&self) -> ServerCapabilities<'_> {
        ServerCapabilities::new(&self.capabilities)
    }
}
