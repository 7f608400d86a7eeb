#![allow(clippy::unwrap_used)]

mod attaching;
mod bounds;
mod faults;
mod questions;
mod upstreams;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mcpg_cluster::{Coordinator as _, KeyValue};
use mcpg_single_node::SingleNode;
use parking_lot::Mutex;
use serde_json::value::RawValue;

use super::record::GetRecord;
use super::*;
use crate::delivery::LogLimits;
use crate::mac::MacKey;
use crate::owner::{BootId, Judge, OwnerPair};
use crate::sessions::SessionId;
use crate::store::{Stored, Writer};
use crate::testing::tester;

const TTL: Duration = Duration::from_secs(100);

/// Replicas on one coordinator; everybody lives until the test says otherwise.
struct Fleet {
    node: SingleNode,
    deaths: Arc<Deaths>,
    session: SessionId,
    limits: LogLimits,
}

#[derive(Default)]
struct Deaths {
    dead: Mutex<HashSet<OwnerPair>>,
}

#[async_trait]
impl Judge for Deaths {
    async fn is_dead(&self, owner: &OwnerPair) -> mcpg_cluster::Result<bool> {
        Ok(self.dead.lock().contains(owner))
    }
}

#[async_trait]
impl Living for Deaths {
    async fn lives(&self, owner: &OwnerPair) -> mcpg_cluster::Result<bool> {
        Ok(!self.dead.lock().contains(owner))
    }
}

/// One replica.
struct Replica {
    streams: GetStreams,
    owner: OwnerPair,
    boot: BootId,
    session: SessionId,
}

impl Fleet {
    fn new() -> Self {
        Self {
            node: SingleNode::new(),
            deaths: Arc::default(),
            session: SessionId::mint(&MacKey::new([7; 16]), &tester()),
            limits: LogLimits::default(),
        }
    }

    fn key_value(&self) -> Arc<dyn KeyValue> {
        Arc::clone(&self.node.another_replica().primitives().key_value)
    }

    fn replica(&self, name: &str) -> Replica {
        self.replica_on(name, self.key_value())
    }

    fn replica_on(&self, name: &str, key_value: Arc<dyn KeyValue>) -> Replica {
        let boot = BootId::new(name);
        let parts = GetParts {
            key_value,
            judge: Arc::clone(&self.deaths) as _,
            living: Arc::clone(&self.deaths) as _,
            mac: MacKey::new([7; 16]),
        };
        let config = GetConfig {
            boot: boot.clone(),
            record_ttl: TTL,
            patience: Duration::from_millis(500),
            stale_reads: Duration::ZERO,
            max_ttl: None,
            max_value_bytes: 1024 * 1024,
            limits: self.limits,
        };
        Replica {
            streams: GetStreams::new(parts, config),
            owner: OwnerPair {
                lease: format!("replica/{name}"),
                token: 1,
            },
            boot,
            session: self.session.clone(),
        }
    }

    fn kill(&self, replica: &Replica) {
        self.deaths.dead.lock().insert(replica.owner.clone());
    }

    async fn record(&self) -> Option<Stored<GetRecord>> {
        let writer = Writer::new(self.key_value(), Duration::from_secs(2));
        writer.read(&key(self.session.name())).await.unwrap()
    }
}

impl Replica {
    fn connection(&self) -> Holder {
        Holder::fresh(self.owner.clone(), self.boot.clone())
    }

    fn claimant(&self) -> Claimant {
        Claimant {
            owner: self.owner.clone(),
            boot: self.boot.clone(),
        }
    }

    async fn say(&self, text: &str) -> Appended {
        let mut batch = said(text, None);
        self.streams.append(&self.session, &mut batch).await.unwrap()
    }

    /// Attaches a stream and says what is to be sent on it.
    async fn attach(&self, stream: u64, after: u64, holder: &Holder) -> Vec<String> {
        let attach = self
            .streams
            .attach(self.session.name(), stream, after, holder)
            .await;
        match attach.unwrap() {
            Attach::Attached { seen, .. } => texts(&seen),
            other => panic!("{other:?}"),
        }
    }

    async fn look(&self, stream: u64, after: u64, holder: &Holder) -> Look {
        let look = self
            .streams
            .look(self.session.name(), stream, holder, after, None);
        look.await.unwrap()
    }

    async fn reads(&self, stream: u64, after: u64, holder: &Holder) -> Vec<String> {
        match self.look(stream, after, holder).await {
            Look::Attached(seen) => texts(&seen),
            other => panic!("{other:?}"),
        }
    }

    async fn claim(&self, of: &str) -> Claim {
        let claimant = self.claimant();
        let claim = self
            .streams
            .claim_upstream(self.session.name(), "up", of, &claimant);
        claim.await.unwrap()
    }

    /// Claims the upstream's stream and says where it goes on.
    async fn claims(&self, of: &str) -> (Option<String>, mcpg_cluster::Version) {
        match self.claim(of).await {
            Claim::Mine { place, version, .. } => (place, version),
            other => panic!("{other:?}"),
        }
    }

    fn at(&self, claimed: mcpg_cluster::Version, event: &str) -> UpstreamPlace {
        UpstreamPlace {
            upstream: "up".to_owned(),
            claimant: self.claimant(),
            claimed,
            event: Some(event.to_owned()),
        }
    }
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

fn said(text: &str, place: Option<UpstreamPlace>) -> Batch {
    Batch::new(vec![Said::Message(raw(&format!("\"{text}\"")))], place)
}

fn texts(seen: &Seen) -> Vec<String> {
    let text = |message: &[u8]| String::from_utf8_lossy(message).trim_matches('"').to_owned();
    let events = seen.events.iter();
    events
        .map(|event| format!("{}:{}", event.sequence, text(&event.message)))
        .collect()
}
