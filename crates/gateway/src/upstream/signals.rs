//! What calls and streams tell the supervisor.

use std::sync::atomic::{AtomicU8, Ordering};

use mcpg_config::app::Import;
use mcpg_mcp::initialize::ServerCapabilities;
use tokio::sync::Notify;

/// One kind of thing that an upstream lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Tools,
    Prompts,
    Resources,
    ResourceTemplates,
}

/// A set of lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Lists(u8);

/// Nothing here waits, and nothing is ever lost: several signals of a kind become one.
#[derive(Debug, Default)]
pub(super) struct Signals {
    changed: AtomicU8,
    wake_listing: Notify,
    wake_pulse: Notify,
}

impl List {
    pub(super) const ALL: [Self; 4] = [
        Self::Tools,
        Self::Prompts,
        Self::Resources,
        Self::ResourceTemplates,
    ];

    pub(super) const fn method(self) -> &'static str {
        match self {
            Self::Tools => "tools/list",
            Self::Prompts => "prompts/list",
            Self::Resources => "resources/list",
            Self::ResourceTemplates => "resources/templates/list",
        }
    }

    /// The member of the result that holds the items.
    pub(super) const fn member(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::ResourceTemplates => "resourceTemplates",
        }
    }

    /// Whether the server has such a list and the configuration takes it over.
    pub(super) fn is_wanted(self, server: ServerCapabilities<'_>, import: Import) -> bool {
        match self {
            Self::Tools => server.tools() && import.tools,
            Self::Prompts => server.prompts() && import.prompts,
            Self::Resources => server.resources() && import.resources,
            Self::ResourceTemplates => server.resources() && import.resource_templates,
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Tools => 1,
            Self::Prompts => 2,
            Self::Resources => 4,
            Self::ResourceTemplates => 8,
        }
    }
}

impl Lists {
    pub(super) const ALL: Self = Self(15);

    /// The lists that a notification of this method declares changed; none for any other method.
    pub(super) fn changed_by(method: &str) -> Self {
        match method {
            "notifications/tools/list_changed" => Self(List::Tools.bit()),
            "notifications/prompts/list_changed" => Self(List::Prompts.bit()),
            "notifications/resources/list_changed" => {
                Self(List::Resources.bit() | List::ResourceTemplates.bit())
            }
            _ => Self(0),
        }
    }

    pub(super) fn only(list: List) -> Self {
        Self(list.bit())
    }

    /// Both sets together.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn has(self, list: List) -> bool {
        self.0 & list.bit() != 0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl Signals {
    /// Lists have changed, or may have.
    pub(super) fn lists_changed(&self, lists: Lists) {
        if !lists.is_empty() {
            self.changed.fetch_or(lists.0, Ordering::AcqRel);
            self.wake_listing.notify_one();
        }
    }

    /// Waits until lists have changed. What is returned by [`Signals::take_changed`] only is what changed.
    pub(super) async fn lists_have_changed(&self) {
        while self.changed.load(Ordering::Acquire) == 0 {
            self.wake_listing.notified().await;
        }
    }

    /// The lists that have changed since the last call.
    pub(super) fn take_changed(&self) -> Lists {
        Lists(self.changed.swap(0, Ordering::AcqRel))
    }

    /// Something failed that may mean that the upstream is gone: have a look.
    pub(super) fn suspect(&self) {
        self.wake_pulse.notify_one();
    }

    /// Waits for a suspicion.
    pub(super) async fn suspicion(&self) {
        self.wake_pulse.notified().await;
    }
}
