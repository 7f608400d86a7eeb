//! Several gateways that are one server: their coordinator, the replicas, and a balancer in front.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::balancer::{Balancer, Policy, Setup};
use super::fault_proxy::FaultProxy;
use super::fleet_replica::Replica;
use super::gateway::Settings;
use super::mcp::Endpoint;
use super::plugins;
use super::redis::Redis;

/// The names of the replicas, which are the node ids too.
const NAMES: [&str; 3] = ["a", "b", "c"];

/// How long a lease and a replica's presence outlive their last sign of life in these tests.
pub(crate) const TTL: Duration = Duration::from_secs(3);

/// The validity of a view in these tests.
pub(crate) const VIEW: Duration = Duration::from_millis(1000);

/// How long one operation of a coordinator may take.
pub(crate) const OPERATION: Duration = Duration::from_secs(5);

/// What a fleet starts from: three replicas, redis, round robin.
pub(crate) struct FleetSettings {
    settings: Settings,
    coordinator: Coordinator,
    policy: Policy,
    network: bool,
}

enum Coordinator {
    /// The server that all tests use, or one of the test's own.
    Redis(Option<Arc<Redis>>),
    /// Each replica has a memory of its own, which is no fleet.
    SingleNode,
}

/// A running fleet. It stops with its owner.
pub(crate) struct Fleet {
    /// The replicas; what clients call A, B and C is 0, 1 and 2 here.
    pub(crate) replicas: Vec<Replica>,
    /// What stands in front of them.
    pub(crate) balancer: Balancer,
    /// Kept running for as long as the fleet.
    _redis: Option<Arc<Redis>>,
}

impl FleetSettings {
    /// Three replicas with this configuration.
    pub(crate) fn new(settings: Settings) -> Self {
        let view = u64::try_from(VIEW.as_millis()).expect("a view is short");
        Self {
            settings: settings.server("session_cache_ms", view),
            coordinator: Coordinator::Redis(None),
            policy: Policy::round_robin(),
            network: false,
        }
    }

    /// Three replicas in front of one upstream, whose names they keep.
    pub(crate) fn in_front_of(url: &str) -> Self {
        Self::new(Settings::in_front_of(url))
    }

    /// Sets a key of `gateway.server`.
    pub(crate) fn server(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.settings = self.settings.server(key, value);
        self
    }

    /// Sets who gets which request.
    pub(crate) fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Lets the replicas use this server instead of the one that all tests use.
    pub(crate) fn redis(mut self, redis: &Arc<Redis>) -> Self {
        self.coordinator = Coordinator::Redis(Some(Arc::clone(redis)));
        self
    }

    /// Gives every replica a memory of its own. What only a fleet can do must fail then.
    pub(crate) fn single_node(mut self) -> Self {
        // The settings of a view belong to a coordinator that is shared, and do no harm without one.
        self.coordinator = Coordinator::SingleNode;
        self
    }

    /// Lets every message between replicas get lost. What they tell each other must arrive all the same, only later.
    pub(crate) fn without_messages(mut self) -> Self {
        self.settings = self.settings.variable("MCPG_FAULT_DROP_PUBSUB", "1");
        self
    }

    /// Puts a proxy that can break between each replica and the coordinator.
    pub(crate) fn breakable_network(mut self) -> Self {
        self.network = true;
        self
    }

    /// Starts one replica that looks for the coordinator at an address, and waits for nothing.
    pub(crate) fn launch_one(self, coordinator: SocketAddr) -> Replica {
        let cluster = cluster(coordinator, NAMES[0], &fresh_prefix());
        Replica::launch(NAMES[0], with_redis(self.settings, cluster), None)
    }

    /// Starts the fleet; all replicas are ready when this returns.
    pub(crate) async fn start(self) -> Fleet {
        let redis = match &self.coordinator {
            Coordinator::SingleNode => None,
            Coordinator::Redis(Some(own)) => Some(Arc::clone(own)),
            Coordinator::Redis(None) => Some(shared_redis().await),
        };
        let prefix = fresh_prefix();
        let starting = NAMES.iter().map(|name| {
            let address = redis.as_ref().map(|redis| redis.address);
            // What stands in between is where the replica believes the coordinator to be.
            let network = address.filter(|_| self.network).map(FaultProxy::start);
            let address = network.as_ref().map(|proxy| proxy.address).or(address);
            let settings = self.settings.clone();
            let settings = match address {
                Some(address) => with_redis(settings, cluster(address, name, &prefix)),
                None => settings,
            };
            Replica::start(name, settings, network)
        });
        let replicas = join_all(starting).await;
        let addresses: Vec<_> = replicas.iter().map(|replica| replica.endpoint.address).collect();
        let admins: Vec<_> = replicas.iter().map(|replica| replica.admin).collect();
        let setup = Setup::in_front_of(&addresses)
            .ready_at(&admins)
            .ready_path("/ready")
            .policy(self.policy);
        Fleet {
            balancer: setup.start().await,
            replicas,
            _redis: redis,
        }
    }
}

impl Fleet {
    /// The MCP endpoint as clients see it.
    pub(crate) fn entry(&self) -> Endpoint {
        Endpoint {
            address: self.balancer.address,
            path: self.replicas[0].endpoint.path.clone(),
            key: None,
        }
    }

    /// The MCP endpoints of A, B and C, past the balancer.
    pub(crate) fn each(&self) -> [Endpoint; 3] {
        [0, 1, 2].map(|at| self.replicas[at].endpoint.clone())
    }
}

/// The `cluster` block of a replica whose coordinator listens at `address`.
fn cluster(address: SocketAddr, node: &str, prefix: &str) -> Value {
    let ttl = u64::try_from(TTL.as_millis()).expect("a TTL is short");
    json!({
        "kind": "redis",
        "url": format!("redis://{address}"),
        "key_prefix": prefix,
        "node_id": node,
        "lease_ttl_ms": ttl,
        "peer_ttl_ms": ttl,
    })
}

/// Settings with that block and the plugin for it.
fn with_redis(settings: Settings, cluster: Value) -> Settings {
    let entry = plugins::entry("redis", &plugins::library("mcpg-cluster-redis"));
    settings
        .block("plugins", json!([entry]))
        .block("cluster", cluster)
}

/// The server of all fleets that leave it as it is; the last one of them stops it.
pub(crate) async fn shared_redis() -> Arc<Redis> {
    static RUNNING: Mutex<Weak<Redis>> = Mutex::const_new(Weak::new());
    let mut running = RUNNING.lock().await;
    if let Some(server) = running.upgrade() {
        return server;
    }
    let server = Arc::new(Redis::in_memory().await);
    *running = Arc::downgrade(&server);
    server
}

/// A prefix that no other test uses, nor an earlier run on the same server.
fn fresh_prefix() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("the clock is past 1970").as_nanos();
    format!("test:{}:{now}:{number}:", std::process::id())
}
