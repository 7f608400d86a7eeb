//! Asking the fleet.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use mcpg_capabilities::leader;
use mcpg_capabilities::mailbox::Undelivered;
use mcpg_capabilities::owner::BootId;
use mcpg_capabilities::replica::boots;
use mcpg_cluster::Holder;
use tokio::time::{Instant, timeout};

use super::{CoordinatorFacts, FleetFacts, Found, LeaseFacts, OwnFacts, ReplicaFacts, Status, mail, support};

/// How long another replica may take to answer: longer than the interval at which it lists its mail, whatever wake-ups
/// are lost.
const PATIENCE: Duration = Duration::from_millis(2500);

/// How long the coordinator may take to answer one question. An operator who looks for the trouble must not wait for it.
const ANSWER: Duration = Duration::from_secs(2);

/// The longest time for all of it.
const ALTOGETHER: Duration = Duration::from_secs(8);

/// A lease as the coordinator tells it.
enum Told {
    Held(Holder),
    Free,
    /// It does not tell.
    Unknown,
}

impl Status {
    /// Asks everybody at once.
    pub(super) async fn gather(&self) -> FleetFacts {
        let fleet = &self.parts.fleet;
        let mut boots = fleet.view().members().others();
        boots.push(fleet.replica().boot().clone());
        let leases = timeout(ANSWER, boots::list(fleet.primitives().key_value.as_ref())).await;
        let reached = matches!(leases, Ok(Ok(_)));
        let names: HashMap<BootId, String> = match leases {
            Ok(Ok(known)) => known
                .into_iter()
                .map(|boot| (boot.id, boot.owner.lease))
                .collect(),
            _ => HashMap::new(),
        };
        let leader = self.lease(leader::LEASE).await;
        let asking = boots.iter().map(|boot| self.look_at(boot, names.get(boot)));
        let mut replicas = Vec::new();
        let mut leases = vec![lease_facts(leader::LEASE, &leader)];
        for (mut replica, lease) in join_all(asking).await {
            // The leader has cleared up behind it; only its heartbeat has not run out yet.
            let is_forgotten = reached && lease.is_none() && replica.own.is_none();
            if is_forgotten {
                continue;
            }
            replica.leads = matches!(&leader, Told::Held(held) if held.holder == replica.boot.as_bytes());
            replicas.push(replica);
            leases.extend(lease);
        }
        replicas.sort_by(|one, other| (&one.node, &one.boot).cmp(&(&other.node, &other.boot)));
        leases.sort_by(|one, other| one.name.cmp(&other.name));
        FleetFacts {
            mcpg: env!("CARGO_PKG_VERSION").to_owned(),
            asked: fleet.replica().node().to_owned(),
            coordinator: CoordinatorFacts {
                kind: self.parts.kind.clone(),
                reached,
                support: support::told(fleet.support()),
                weaker_than_wanted: self.parts.weaknesses.clone(),
            },
            constants: self.constants(),
            leases,
            replicas,
        }
    }

    async fn look_at(
        &self,
        boot: &BootId,
        lease_name: Option<&String>,
    ) -> (ReplicaFacts, Option<LeaseFacts>) {
        let own = boot == self.parts.fleet.replica().boot();
        let lease = async {
            match lease_name {
                Some(name) => self.lease(name).await,
                None => Told::Unknown,
            }
        };
        let facts = async {
            if own {
                return Ok(self.own());
            }
            self.ask(boot).await
        };
        let (lease, facts) = tokio::join!(lease, facts);
        let mut replica = ReplicaFacts {
            node: lease_name.and_then(|name| node_of(name)).unwrap_or_default(),
            boot: boot.as_str().to_owned(),
            ..ReplicaFacts::default()
        };
        match facts {
            Ok(facts) => {
                replica.node.clone_from(&facts.node);
                replica.state = Found::Answering;
                replica.own = Some(facts);
            }
            Err(why) => {
                replica.state = match lease {
                    Told::Held(_) => Found::NotAnswering,
                    Told::Free => Found::Dead,
                    Told::Unknown => Found::Unknown,
                };
                replica.why = Some(why);
            }
        }
        let lease = lease_name.map(|name| lease_facts(name, &lease));
        (replica, lease)
    }

    async fn ask(&self, boot: &BootId) -> Result<OwnFacts, String> {
        let mailbox = &self.parts.mailbox;
        let began = Instant::now();
        let asked = mailbox.request(boot, mail::KIND, Bytes::new(), PATIENCE);
        let answer = match timeout(ALTOGETHER - ANSWER, asked).await {
            Ok(Ok(answer)) => answer,
            // Whoever refuses has read the question; a replica that is silent is given up on only later.
            Ok(Err(Undelivered::Refused)) if began.elapsed() < PATIENCE => {
                return Err("it runs a release that cannot tell its state".to_owned());
            }
            Ok(Err(Undelivered::Refused)) | Err(_) => {
                return Err(format!("no answer within {} ms", PATIENCE.as_millis()));
            }
            Ok(Err(error)) => return Err(error.to_string()),
        };
        serde_json::from_slice(&answer).map_err(|error| format!("its answer cannot be read: {error}"))
    }

    async fn lease(&self, name: &str) -> Told {
        let lease = &self.parts.fleet.primitives().lease;
        match timeout(ANSWER, lease.holder(name.as_bytes())).await {
            Ok(Ok(Some(holder))) => Told::Held(holder),
            Ok(Ok(None)) => Told::Free,
            Ok(Err(_)) | Err(_) => Told::Unknown,
        }
    }
}

fn lease_facts(name: &str, told: &Told) -> LeaseFacts {
    let holder = match told {
        Told::Held(holder) => Some(holder),
        Told::Free | Told::Unknown => None,
    };
    LeaseFacts {
        name: name.to_owned(),
        holder: holder.map(|held| String::from_utf8_lossy(&held.holder).into_owned()),
        token: holder.map(|held| held.token.get()),
    }
}

/// The node id in the name of a replica's lease: `replica/<node>/<boot>`.
fn node_of(lease: &str) -> Option<String> {
    let (node, _) = lease.strip_prefix("replica/")?.rsplit_once('/')?;
    Some(node.to_owned())
}
