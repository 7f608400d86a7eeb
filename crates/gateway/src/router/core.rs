//! The router's parts.

use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use mcpg_capabilities::calls::Calls;
use mcpg_capabilities::catalogues::Catalogues;
use mcpg_capabilities::delivery::get::GetStreams;
use mcpg_capabilities::fleet::Fleet;
use mcpg_capabilities::levels::Levels;
use mcpg_capabilities::mac::MacKey;
use mcpg_capabilities::mailbox::Mailbox;
use mcpg_capabilities::sessions::Sessions;
use mcpg_capabilities::subscriptions::Subscriptions;
use mcpg_config::app::Federation;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::announced::Announced;
use super::catalogue::{Catalogue, Cursors};
use super::drive::Patience;
use super::elsewhere::Elsewhere;
use super::endings::Endings;
use super::followers::Followers;
use super::get_streams::{Adoption, Gets};
use super::head::Heads;
use super::live::LiveCalls;
use super::sessions::Openings;
use super::stream::Streams;
use super::telling::{Levelling, Tellings};
use super::updates::UpstreamKeeper;
use crate::audit::Audit;
use crate::backends::OwnBindings;
use crate::observe::{Meters, Scopes};
use crate::upstream::{State, Upstream};

/// What a router is made of.
pub(crate) struct RouterSettings {
    pub(crate) own: OwnBindings,
    pub(crate) members: Vec<(Federation, Arc<Upstream>)>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) mac: MacKey,
    pub(crate) calls: Calls,
    pub(crate) gets: GetStreams,
    pub(crate) cancels: Option<Calls>,
    pub(crate) mailbox: Mailbox,
    pub(crate) levels: Arc<Levels>,
    pub(crate) catalogues: Catalogues,
    pub(crate) subscriptions: Subscriptions,
    /// How many resources one session can be subscribed to.
    pub(crate) max_subscriptions: usize,
    pub(crate) request_timeout: Duration,
    pub(crate) question_timeout: Duration,
    pub(crate) upgrade_after: Duration,
    pub(crate) audit: Option<Arc<Audit>>,
    /// Whether each request is a line in the log.
    pub(crate) access_log: bool,
    pub(crate) stop: CancellationToken,
}

/// Executes requests: its own bindings' or by forwarding to the upstream that offers what is asked for.
pub(crate) struct Router {
    /// For what goes on after whoever started it.
    pub(super) me: Weak<Self>,
    pub(super) own: OwnBindings,
    pub(super) members: Vec<(Federation, Arc<Upstream>)>,
    pub(super) catalogue: ArcSwap<Catalogue>,
    /// What the catalogue was built from; `None` until it was built.
    pub(super) built_from: Mutex<Option<Vec<Arc<State>>>>,
    pub(super) announced: Announced,
    pub(super) cursors: Cursors,
    pub(super) sessions: Arc<Sessions>,
    pub(super) openings: Openings,
    pub(super) elsewhere: Elsewhere,
    pub(super) live: Arc<LiveCalls>,
    pub(super) heads: Arc<Heads>,
    /// Through which cancels find calls that run elsewhere; `None` where they are not to.
    pub(super) cancels: Option<Calls>,
    pub(super) streams: Arc<Streams>,
    pub(super) gets: Gets,
    pub(super) mailbox: Mailbox,
    pub(super) levels: Arc<Levels>,
    pub(super) tellings: Tellings,
    pub(super) subscriptions: Subscriptions,
    pub(super) max_subscriptions: usize,
    pub(super) patience: Patience,
    /// `None` where nothing is written down.
    pub(super) audit: Option<Arc<Audit>>,
    /// Counts the requests of clients, however they come in.
    pub(crate) meters: Arc<Meters>,
    /// Numbers them for the log.
    pub(crate) scopes: Scopes,
    /// The calls that run.
    pub(super) calls: TaskTracker,
    /// Everything else that runs in the background.
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

impl Router {
    /// Makes a router whose catalogue is empty until the upstreams were looked at.
    pub(crate) fn new(settings: RouterSettings) -> Arc<Self> {
        let tasks = TaskTracker::new();
        let heads = Heads {
            calls: settings.calls,
            replica: Arc::clone(settings.fleet.replica()),
            mac: settings.mac.clone(),
            tasks: tasks.clone(),
        };
        let heads = Arc::new(heads);
        let streams = Streams {
            heads: Arc::clone(&heads),
            sessions: Arc::clone(&settings.sessions),
            mailbox: settings.mailbox.clone(),
            followers: Arc::new(Followers::default()),
        };
        let announced = Announced::new(
            settings.catalogues,
            Arc::clone(settings.fleet.view()),
            settings.members.len(),
        );
        let router = Arc::new_cyclic(|own_handle| Self {
            me: Weak::clone(own_handle),
            own: settings.own,
            members: settings.members,
            catalogue: ArcSwap::default(),
            built_from: Mutex::default(),
            announced,
            cursors: Cursors::new(settings.mac),
            sessions: settings.sessions,
            openings: Openings::default(),
            elsewhere: Elsewhere::default(),
            live: Arc::default(),
            heads,
            cancels: settings.cancels,
            streams: Arc::new(streams),
            gets: Gets::new(settings.gets),
            mailbox: settings.mailbox,
            tellings: Tellings::default(),
            levels: settings.levels,
            subscriptions: settings.subscriptions,
            max_subscriptions: settings.max_subscriptions,
            patience: Patience {
                upgrade: settings.upgrade_after,
                silence: settings.request_timeout,
                question: settings.question_timeout,
            },
            audit: settings.audit,
            meters: Meters::new(settings.access_log),
            scopes: Scopes::new(settings.fleet.replica().boot().as_str()),
            calls: TaskTracker::new(),
            tasks,
            stop: settings.stop,
        });
        router.gets.streams.adopt_with(Adoption::by(&router));
        let endings = Endings::of(&router);
        settings.fleet.view().listen(Arc::clone(&endings) as _);
        router.sessions.close_with(endings);
        router.subscriptions.keep_with(UpstreamKeeper::of(&router));
        router.gets.held.set_levels(Levelling::of(&router));
        router
    }

    /// Lets the clients that follow a stream go on elsewhere.
    pub(crate) fn let_go(&self) {
        self.let_streams_go();
        self.streams.followers.let_go();
    }

    /// The same, and whoever comes to follow one from now on.
    pub(crate) fn stop_streams(&self) {
        self.let_go();
        self.streams.followers.stop();
    }

    /// How many calls run.
    pub(crate) fn running_calls(&self) -> usize {
        self.calls.len()
    }

    /// Whether an upstream is a program that the gateway runs.
    pub(crate) fn has_children(&self) -> bool {
        self.members.iter().any(|(_, upstream)| upstream.is_child())
    }

    /// Waits until every running call has ended, whether or not somebody still listens to it.
    pub(crate) async fn calls_ended(&self) {
        self.calls.close();
        self.calls.wait().await;
    }

    /// Waits until the background has come to rest after `stop` was given.
    pub(crate) async fn rested(&self) {
        self.tasks.close();
        tokio::join!(self.tasks.wait(), self.sessions.leftovers_closed());
    }
}
