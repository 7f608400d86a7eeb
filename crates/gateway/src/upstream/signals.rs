//! What calls and streams tell the supervisor.

use indexmap::IndexSet;
use mcpg_config::app::Import;
use mcpg_mcp::initialize::ServerCapabilities;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

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

/// So many updated resources are told apart.
const MOST_UPDATED: usize = 1_000;

/// Resources that were updated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Updated {
    /// These.
    Uris(IndexSet<String>),
    /// Nobody knows which.
    All,
}

impl Default for Updated {
    fn default() -> Self {
        Self::Uris(IndexSet::new())
    }
}

/// What was said of lists since somebody asked.
#[derive(Debug, Default)]
struct Changed {
    lists: Lists,
    /// How often that was said altogether.
    times: u64,
}

/// Nothing here waits, and nothing is ever lost: several signals of a kind become one.
#[derive(Debug, Default)]
pub(super) struct Signals {
    changed: Mutex<Changed>,
    /// Up to which time it was said that lists had changed they were read since.
    read: watch::Sender<u64>,
    wake_listing: Notify,
    updated: Mutex<Updated>,
    wake_updated: Notify,
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
            self.say_changed(lists);
        }
    }

    fn say_changed(&self, lists: Lists) -> u64 {
        let mut changed = self.changed.lock();
        changed.lists = changed.lists.and(lists);
        changed.times += 1;
        self.wake_listing.notify_one();
        changed.times
    }

    /// Waits until all lists were read by a reading that began after this call.
    pub(super) async fn read_again(&self) {
        let mut read = self.read.subscribe();
        let wanted = self.say_changed(Lists::ALL);
        // The sender lives in `self`.
        let _ = read.wait_for(|read| *read >= wanted).await;
    }

    /// Everything was read that was said to have changed by then.
    pub(super) fn have_read(&self, times: u64) {
        self.read.send_if_modified(|read| {
            let is_more = *read < times;
            *read = (*read).max(times);
            is_more
        });
    }

    /// A resource was updated that the gateway is subscribed to, or may have been.
    pub(super) fn resource_updated(&self, uri: &str) {
        let mut updated = self.updated.lock();
        match &mut *updated {
            Updated::Uris(uris) if uris.len() < MOST_UPDATED => {
                uris.insert(uri.to_owned());
            }
            _ => *updated = Updated::All,
        }
        drop(updated);
        self.wake_updated.notify_one();
    }

    /// Nobody heard for a while which resources were updated.
    pub(super) fn updates_missed(&self) {
        *self.updated.lock() = Updated::All;
        self.wake_updated.notify_one();
    }

    /// Waits until resources were updated and returns which.
    pub(super) async fn updated_resources(&self) -> Updated {
        loop {
            let updated = std::mem::take(&mut *self.updated.lock());
            if updated != Updated::default() {
                return updated;
            }
            self.wake_updated.notified().await;
        }
    }

    /// Waits until lists have changed. What is returned by [`Signals::take_changed`] only is what changed.
    pub(super) async fn lists_have_changed(&self) {
        while self.changed.lock().lists.is_empty() {
            self.wake_listing.notified().await;
        }
    }

    /// The lists that have changed since the last call, and how often that was said by now.
    pub(super) fn take_changed(&self) -> (Lists, u64) {
        let mut changed = self.changed.lock();
        (std::mem::take(&mut changed.lists), changed.times)
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
