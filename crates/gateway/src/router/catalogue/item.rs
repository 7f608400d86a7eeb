//! One thing that the gateway offers, and where it comes from.

use mcpg_mcp::param_headers::HeaderParams;
use serde_json::value::RawValue;

/// The four kinds of things that are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tools,
    Prompts,
    Resources,
    ResourceTemplates,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [
        Self::Tools,
        Self::Prompts,
        Self::Resources,
        Self::ResourceTemplates,
    ];

    pub(super) const fn position(self) -> usize {
        match self {
            Self::Tools => 0,
            Self::Prompts => 1,
            Self::Resources => 2,
            Self::ResourceTemplates => 3,
        }
    }

    /// The member of a list result that holds the items.
    pub(super) const fn list_member(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::ResourceTemplates => "resourceTemplates",
        }
    }

    /// The member of an item that identifies it.
    pub(super) const fn identity(self) -> &'static str {
        match self {
            Self::Tools | Self::Prompts => "name",
            Self::Resources => "uri",
            Self::ResourceTemplates => "uriTemplate",
        }
    }

    /// Whether two equal identities are a mistake of the configuration. Resources are addressed by URIs that an
    /// operator cannot rename: there the first one wins.
    pub(crate) const fn must_be_unique(self) -> bool {
        matches!(self, Self::Tools | Self::Prompts)
    }
}

/// Who executes a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The gateway itself: the index among its own bindings of that kind.
    Own(usize),
    /// The upstream with this index in file order.
    Upstream(usize),
}

/// One thing that the gateway offers.
#[derive(Debug)]
pub(crate) struct Item {
    /// What clients call it: name, URI or URI template.
    pub(crate) identity: String,
    /// What its executor calls it.
    pub(crate) original: String,
    /// Who executes it.
    pub(crate) origin: Origin,
    /// Whether it is shown in lists: what a dead upstream offers is routed (to a clear error) but not listed.
    pub(crate) listed: bool,
    /// The item as clients see it.
    pub(crate) raw: Box<RawValue>,
    /// For tools: which arguments a modern request repeats in headers.
    pub(crate) header_params: Option<HeaderParams>,
}
