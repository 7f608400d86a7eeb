//! What `GET /cluster` says. The same types read it again, also from another release: what is missing there is empty.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The whole fleet as one replica sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct FleetFacts {
    /// The version of the replica that was asked. By it a program recognises who answers.
    pub(crate) mcpg: String,
    /// The node id of the replica that was asked.
    #[serde(default)]
    pub(crate) asked: String,
    #[serde(default)]
    pub(crate) coordinator: CoordinatorFacts,
    #[serde(default)]
    pub(crate) constants: Constants,
    /// Every lease by name, as the coordinator tells.
    #[serde(default)]
    pub(crate) leases: Vec<LeaseFacts>,
    /// The replicas, in the order of their node ids.
    #[serde(default)]
    pub(crate) replicas: Vec<ReplicaFacts>,
}

/// The backend that all replicas meet at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CoordinatorFacts {
    pub(crate) kind: String,
    /// Whether the replica that was asked reaches it.
    pub(crate) reached: bool,
    /// What it guarantees.
    pub(crate) support: Value,
    /// What of that is less than the gateway would like.
    pub(crate) weaker_than_wanted: Vec<String>,
}

/// What cannot be configured, or only indirectly.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Constants {
    pub(crate) lease_ttl_ms: u64,
    pub(crate) lease_margin_ms: u64,
    pub(crate) operation_timeout_ms: u64,
    pub(crate) take_over_bound_ms: u64,
    pub(crate) session_cache_ms: u64,
}

/// One lease.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LeaseFacts {
    pub(crate) name: String,
    /// The boot that holds it; none when it is free.
    pub(crate) holder: Option<String>,
    pub(crate) token: Option<u64>,
}

/// How a replica was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Found {
    /// It said what it has to say.
    Answering,
    /// It holds its lease, or may hold it, and does not answer.
    NotAnswering,
    /// It does not answer, and its lease is gone.
    Dead,
    /// Whether it is there cannot be told, or this release does not know the word.
    #[default]
    #[serde(other)]
    Unknown,
}

/// One replica.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ReplicaFacts {
    /// The node id; empty when only the boot is known.
    pub(crate) node: String,
    pub(crate) boot: String,
    pub(crate) state: Found,
    /// Why there are no own facts.
    pub(crate) why: Option<String>,
    /// Whether it holds the leader's lease.
    pub(crate) leads: bool,
    /// What it says of itself.
    pub(crate) own: Option<OwnFacts>,
}

/// What a replica says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct OwnFacts {
    pub(crate) node: String,
    pub(crate) version: String,
    /// How long it has been serving.
    pub(crate) up_sec: u64,
    pub(crate) ready: bool,
    pub(crate) reasons: Vec<ReasonFacts>,
    /// Whether its own lease guard counts the lease as held, which ends a margin before the lease does.
    pub(crate) lease_valid: bool,
    pub(crate) view: ViewFacts,
    pub(crate) sessions: SessionFacts,
    /// The capabilities whose records the other replicas know nothing of.
    pub(crate) pinned: Vec<PinnedFacts>,
    pub(crate) running_calls: usize,
    pub(crate) upstreams: Vec<UpstreamFacts>,
}

/// One reason of `/ready`, as far as others need it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ReasonFacts {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) since_sec: u64,
    pub(crate) turns_away: bool,
}

/// Whether what a replica remembers may be used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ViewFacts {
    pub(crate) fresh: bool,
    /// How old its last proof is.
    pub(crate) age_ms: Option<u64>,
    pub(crate) validity_ms: u64,
}

/// The client sessions of one replica.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SessionFacts {
    pub(crate) remembered: usize,
    pub(crate) opened_here: usize,
}

/// A capability that is pinned to a replica.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PinnedFacts {
    pub(crate) capability: String,
    /// The kind of its store.
    pub(crate) store: String,
}

/// One upstream as one replica sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct UpstreamFacts {
    pub(crate) name: String,
    /// `up`, `down` or `connecting`.
    pub(crate) state: String,
    pub(crate) cause: Option<String>,
    pub(crate) down_for_sec: Option<u64>,
    /// The protocol revisions that it speaks.
    pub(crate) revisions: Vec<String>,
    /// Streams of clients' own sessions that it refuses because somebody else reads them.
    pub(crate) refused_streams: usize,
    pub(crate) tools: usize,
    pub(crate) prompts: usize,
    pub(crate) resources: usize,
    pub(crate) resource_templates: usize,
}
