//! What there is to say about a replica, in words that an operator can act on.

/// What there is to say about a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// It does not serve yet.
    Starting,
    /// It was told to stop.
    Stopping,
    /// Something is wrong with this replica that need not be wrong with others.
    Broken,
    /// A folder that sessions or subscriptions of this replica are kept in takes no writes.
    StoreFailing,
    /// The coordinator is not reached. It stays ready: others reach it no better, and what needs no coordinator is served.
    CoordinatorAway,
    /// With `readiness: strict`: the coordinator was away for long and has not been back for long.
    CoordinatorUnsettled,
    /// The coordinator answers, but what other replicas changed is not heard of in time.
    ViewStale,
}

/// One reason in words.
pub(super) struct Words {
    /// What is the case.
    pub(super) message: String,
    /// Who notices, and how.
    pub(super) affects: &'static str,
    /// What can be done.
    pub(super) remedy: &'static str,
}

impl Reason {
    /// The word that programs compare.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Stopping => "stopping",
            Self::Broken => "broken",
            Self::StoreFailing => "store_failing",
            Self::CoordinatorAway => "coordinator_away",
            Self::CoordinatorUnsettled => "coordinator_unsettled",
            Self::ViewStale => "view_stale",
        }
    }

    /// Whether requests are better sent elsewhere.
    pub(super) fn turns_away(self) -> bool {
        !matches!(self, Self::CoordinatorAway | Self::ViewStale)
    }

    /// The reason in words; `kind` is the kind of the coordinator.
    pub(super) fn words(self, kind: &str) -> Words {
        let (message, affects, remedy) = match self {
            Self::Starting => (
                "this replica does not serve yet: it joins the fleet and looks at its upstreams".to_owned(),
                "every request to this replica",
                "wait; the log says what it waits for",
            ),
            Self::Stopping => (
                "this replica was told to stop: it serves on for gateway.server.drain_delay_ms, then it refuses".to_owned(),
                "new requests to this replica; what runs may finish",
                "send requests to another replica",
            ),
            Self::Broken => (
                format!("the coordinator {kind} answers, but this replica has had no lease for longer than a former one takes to run out"),
                "calls that outlast gateway.server.upgrade_after_ms and the leader's work, at this replica",
                "look for warnings about leases in its log; restart it",
            ),
            Self::StoreFailing => (
                "a folder that mcp.configurations keeps sessions or subscriptions in cannot be written".to_owned(),
                "what is kept there: sessions of this replica can be neither opened, changed nor kept alive, and nothing can be subscribed to",
                "see its log for the cause, make room on the disk or repair it, and restart this replica",
            ),
            Self::CoordinatorAway => (
                format!("the coordinator {kind} does not answer"),
                "requests that need shared state: they get 503 with Retry-After, at every replica that does not reach it",
                "check that the backend runs and that this machine reaches it; nothing has to be restarted afterwards",
            ),
            Self::CoordinatorUnsettled => (
                format!(
                    "gateway.readiness is strict: the coordinator {kind} was away for {} s and has to answer for {} s without a break",
                    super::outage::GRACE.as_secs(),
                    super::outage::SETTLED.as_secs(),
                ),
                "every request to this replica",
                "check the backend; set gateway.readiness to standard to be sent what needs no coordinator",
            ),
            Self::ViewStale => (
                format!("the coordinator {kind} answers, but changes by other replicas do not arrive in time"),
                "speed: each request of a session is confirmed with the coordinator",
                "check the load of the backend and of this machine",
            ),
        };
        Words {
            message,
            affects,
            remedy,
        }
    }
}
