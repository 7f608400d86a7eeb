//! The router's parts.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use mcpg_capabilities::mac::MacKey;
use mcpg_capabilities::sessions::Sessions;
use mcpg_config::app::Federation;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::catalogue::{Catalogue, Cursors};
use super::drive::Patience;
use super::live::LiveCalls;
use super::sessions::Openings;
use crate::backends::OwnBindings;
use crate::mint::Mint;
use crate::upstream::Upstream;

/// What a router is made of.
pub(crate) struct RouterSettings {
    pub(crate) own: OwnBindings,
    pub(crate) members: Vec<(Federation, Arc<Upstream>)>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) mac: MacKey,
    pub(crate) mint: Mint,
    pub(crate) request_timeout: Duration,
    pub(crate) question_timeout: Duration,
    pub(crate) stop: CancellationToken,
}

/// Executes requests: its own bindings' or by forwarding to the upstream that offers what is asked for.
pub(crate) struct Router {
    pub(super) own: OwnBindings,
    pub(super) members: Vec<(Federation, Arc<Upstream>)>,
    pub(super) catalogue: ArcSwap<Catalogue>,
    pub(super) cursors: Cursors,
    pub(super) sessions: Arc<Sessions>,
    pub(super) openings: Openings,
    pub(super) live: Arc<LiveCalls>,
    pub(super) mint: Mint,
    pub(super) patience: Patience,
    /// The calls that run.
    pub(super) calls: TaskTracker,
    /// Everything else that runs in the background.
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

impl Router {
    /// Makes a router whose catalogue is empty until the upstreams were looked at.
    pub(crate) fn new(settings: RouterSettings) -> Arc<Self> {
        Arc::new(Self {
            own: settings.own,
            members: settings.members,
            catalogue: ArcSwap::default(),
            cursors: Cursors::new(settings.mac),
            sessions: settings.sessions,
            openings: Openings::default(),
            live: Arc::default(),
            mint: settings.mint,
            patience: Patience {
                silence: settings.request_timeout,
                question: settings.question_timeout,
            },
            calls: TaskTracker::new(),
            tasks: TaskTracker::new(),
            stop: settings.stop,
        })
    }

    /// Waits until every running call has ended, whether or not somebody still listens to it.
    pub(crate) async fn calls_ended(&self) {
        self.calls.close();
        self.calls.wait().await;
    }

    /// Waits until the background has come to rest after `stop` was given.
    pub(crate) async fn rested(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
