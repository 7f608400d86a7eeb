//! The state of the whole fleet, told by any replica: what it knows of itself, and what the others say when asked.

mod facts;
mod gather;
mod mail;
mod support;

use std::sync::Arc;
use std::time::Duration;

use mcpg_capabilities::fleet::Fleet;
use mcpg_capabilities::mailbox::Mailbox;
use mcpg_capabilities::sessions::Sessions;
use mcpg_cluster::Coordinator;
use mcpg_gateway::{Gateway, Inspector, Parts, UpstreamReport, UpstreamState};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

pub(crate) use self::facts::*;
pub(crate) use self::mail::StatusMail;
use self::support::millis;
use crate::coordinator;
use crate::member::OPERATION_TIMEOUT;
use crate::readiness::Readiness;

/// What was gathered this recently is told again instead of asking the whole fleet once more.
const RECENT: Duration = Duration::from_millis(500);

/// How many characters of the cause of an upstream's death are told: mail has to fit.
const LONGEST_CAUSE: usize = 300;

/// Knows or asks for the state of the fleet.
pub(crate) struct Status {
    parts: StatusParts,
    since: Instant,
    gathered: Mutex<Option<(Instant, FleetFacts)>>,
}

/// What the state of the fleet is read from.
struct StatusParts {
    fleet: Arc<Fleet>,
    sessions: Arc<Sessions>,
    mailbox: Mailbox,
    inspector: Inspector,
    readiness: Readiness,
    kind: String,
    /// What of the coordinator's Support is less than wanted.
    weaknesses: Vec<String>,
    pinned: Vec<PinnedFacts>,
}

impl Status {
    /// The state of the fleet that this gateway is a replica of.
    pub(crate) fn of(
        gateway: &Gateway,
        parts: Parts,
        coordinator: &dyn Coordinator,
        readiness: &Readiness,
        pinned: Vec<(&str, &str)>,
    ) -> Arc<Self> {
        Arc::new(Self {
            parts: StatusParts {
                fleet: parts.fleet,
                sessions: parts.sessions,
                mailbox: parts.mailbox,
                inspector: gateway.inspector(),
                readiness: readiness.clone(),
                kind: coordinator.kind().to_owned(),
                weaknesses: coordinator::weaknesses(coordinator),
                pinned: pinned.into_iter().map(facts_of_pin).collect(),
            },
            since: Instant::now(),
            gathered: Mutex::default(),
        })
    }

    /// The state of the whole fleet.
    pub(crate) async fn fleet(&self) -> FleetFacts {
        let mut gathered = self.gathered.lock().await;
        if let Some((when, facts)) = &*gathered
            && when.elapsed() < RECENT
        {
            return facts.clone();
        }
        let facts = self.gather().await;
        *gathered = Some((Instant::now(), facts.clone()));
        facts
    }

    /// What this replica says of itself.
    fn own(&self) -> OwnFacts {
        let StatusParts {
            fleet,
            sessions,
            inspector,
            readiness,
            ..
        } = &self.parts;
        let counts = sessions.counts();
        OwnFacts {
            node: fleet.replica().node().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            up_sec: self.since.elapsed().as_secs(),
            ready: readiness.is_ready(),
            reasons: readiness.reasons().iter().map(reason).collect(),
            lease_valid: fleet.replica().owner().is_some(),
            view: ViewFacts {
                fresh: fleet.view().is_fresh(),
                age_ms: fleet.view().age().map(millis),
                validity_ms: millis(fleet.view().validity()),
            },
            sessions: SessionFacts {
                remembered: counts.remembered,
                opened_here: counts.minted_here,
            },
            pinned: self.parts.pinned.clone(),
            running_calls: inspector.running_calls(),
            upstreams: inspector.upstreams().into_iter().map(upstream).collect(),
        }
    }

    fn constants(&self) -> Constants {
        let replica = self.parts.fleet.replica();
        Constants {
            lease_ttl_ms: millis(replica.lease_ttl()),
            lease_margin_ms: millis(mcpg_cluster::safety_margin(replica.lease_ttl())),
            operation_timeout_ms: millis(OPERATION_TIMEOUT),
            take_over_bound_ms: millis(replica.take_over_bound()),
            session_cache_ms: millis(self.parts.fleet.view().validity()),
        }
    }
}

fn facts_of_pin((capability, store): (&str, &str)) -> PinnedFacts {
    PinnedFacts {
        capability: capability.to_owned(),
        store: store.to_owned(),
    }
}

fn reason(told: &Value) -> ReasonFacts {
    serde_json::from_value(told.clone()).unwrap_or_default()
}

fn upstream(report: UpstreamReport) -> UpstreamFacts {
    let (state, cause, down_for_sec) = match report.state {
        UpstreamState::Connecting => ("connecting", None, None),
        UpstreamState::Up => ("up", None, None),
        UpstreamState::Down { cause, for_sec } => {
            let cause = cause.chars().take(LONGEST_CAUSE).collect();
            ("down", Some(cause), Some(for_sec))
        }
    };
    UpstreamFacts {
        name: report.name,
        state: state.to_owned(),
        cause,
        down_for_sec,
        revisions: report.revisions,
        refused_streams: report.refused_streams,
        tools: report.tools,
        prompts: report.prompts,
        resources: report.resources,
        resource_templates: report.resource_templates,
    }
}
