//! Up to where one stream was told, and what its session wants to be told of.

use indexmap::IndexSet;

use super::feed::{Due, Feed};
use super::level::Wants;

/// What one stream was told of levels, and has to be.
///
/// What another stream of the session was told proves nothing: its client may have lost it. And that a resource was not
/// wanted when its level was looked at proves nothing either, because the session may have subscribed to it by then at
/// another replica: only a look at the session's record tells, and only of what was subscribed to before the look.
#[derive(Clone, Debug)]
pub struct Teller {
    told: u64,
    lists: Lists,
    uris: IndexSet<String>,
    /// The position that was known before the session's record was looked at last.
    looked: u64,
}

/// Of the changes of which lists the session wants to hear.
#[derive(Clone, Copy, Debug)]
struct Lists {
    tools: bool,
    prompts: bool,
    resources: bool,
}

impl Teller {
    /// A stream that was told up to `position`: what its client says it has received, or for a new stream the position at
    /// which its session was opened. It wants to hear of the lists that `wants` says, and has subscribed to its resources
    /// as a look at the session's record showed that was begun when the feed was at `looked`.
    pub fn new(position: u64, wants: Wants<'_>, looked: u64) -> Self {
        Self {
            told: position,
            lists: Lists {
                tools: wants.tools,
                prompts: wants.prompts,
                resources: wants.resources,
            },
            uris: wants.uris.clone(),
            looked,
        }
    }

    /// The session's record was looked at once more; before, the feed was at `looked`. Returns what has to be told of
    /// resources that were not known to be wanted.
    pub fn look(&mut self, uris: &IndexSet<String>, looked: u64, feed: &Feed) -> Vec<Due> {
        let added: IndexSet<String> = uris.difference(&self.uris).cloned().collect();
        let wants = Wants {
            tools: false,
            prompts: false,
            resources: false,
            uris: &added,
        };
        let told = self.told;
        let mut missed = match feed.covers(told) {
            true => feed.since(self.looked, wants),
            // Everything is due anyway.
            false => Vec::new(),
        };
        if feed.covers(self.looked) {
            // What is newer is due anyway.
            missed.retain(|due| due.position <= told);
        }
        self.uris.clone_from(uris);
        self.looked = looked;
        missed
    }

    /// What is to be told now, in this order. Each counts as told only after [`told`](Self::told).
    pub fn due(&self, feed: &Feed) -> Vec<Due> {
        feed.since(
            self.told,
            Wants {
                tools: self.lists.tools,
                prompts: self.lists.prompts,
                resources: self.lists.resources,
                uris: &self.uris,
            },
        )
    }

    /// It was told up to `position`, everything included.
    pub fn told(&mut self, position: u64) {
        self.told = position;
    }
}
