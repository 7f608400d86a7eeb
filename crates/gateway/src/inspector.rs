//! What an operator may want to know of a running gateway.

use std::sync::Arc;

use crate::router::Router;

/// Looks into a running gateway.
#[derive(Clone)]
pub struct Inspector {
    router: Arc<Router>,
}

/// What is known of an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamReport {
    /// The name of the federation.
    pub name: String,
    /// Whether it can be reached.
    pub state: UpstreamState,
    /// The revisions that it speaks, oldest first.
    pub revisions: Vec<String>,
    /// How many streams of clients' own sessions it refuses because somebody else reads them.
    pub refused_streams: usize,
    /// How many tools it offers; of one that is down, offered last.
    pub tools: usize,
    /// How many prompts.
    pub prompts: usize,
    /// How many resources.
    pub resources: usize,
    /// How many resource templates.
    pub resource_templates: usize,
}

/// Whether an upstream can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamState {
    /// The first attempt has not ended yet.
    Connecting,
    /// It answers.
    Up,
    /// It does not answer.
    Down {
        /// Why, as it was found out first.
        cause: String,
        /// For how long, in seconds.
        for_sec: u64,
    },
}

impl std::fmt::Debug for Inspector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Inspector").finish_non_exhaustive()
    }
}

impl Inspector {
    pub(crate) fn new(router: Arc<Router>) -> Self {
        Self { router }
    }

    /// The upstreams, in file order.
    pub fn upstreams(&self) -> Vec<UpstreamReport> {
        self.router.report_members()
    }

    /// How many calls run.
    pub fn running_calls(&self) -> usize {
        self.router.running_calls()
    }
}
