#![allow(clippy::unwrap_used)]

mod bodies;
mod chaos;
mod counted;
mod faults;
mod orders;
mod settled;
mod stale;
mod steps;
mod streams;
mod sweeps;

use std::sync::Arc;
use std::time::Duration;

use mcpg_cluster::{Clock, Coordinator as _, KeyValue, TokioClock};
use mcpg_single_node::SingleNode;
use serde_json::value::RawValue;

use super::head::Head;
use super::*;
use crate::delivery::LogLimits;
use crate::mac::MacKey;
use crate::owner::{BootId, OwnerPair};
use crate::sessions::SessionId;
use crate::store::{Stored, Writer};
use crate::testing::Verdicts;
use crate::testing::tester;

const TTL: Duration = Duration::from_secs(100);

/// Replicas on one coordinator with one judge.
struct Fleet {
    node: SingleNode,
    judge: Arc<Verdicts>,
    clock: Arc<TokioClock>,
    session: SessionId,
    stale_reads: Duration,
    limits: LogLimits,
    bytes_per_principal: u64,
}

/// One replica.
struct Replica {
    calls: Calls,
    owner: OwnerPair,
    boot: BootId,
    clock: Arc<TokioClock>,
}

impl Fleet {
    fn new() -> Self {
        Self {
            node: SingleNode::new(),
            judge: Verdicts::new(),
            clock: Arc::new(TokioClock::new()),
            session: SessionId::mint(&MacKey::new([7; 16]), &tester()),
            stale_reads: Duration::ZERO,
            limits: LogLimits::default(),
            bytes_per_principal: u64::MAX,
        }
    }

    fn key_value(&self) -> Arc<dyn KeyValue> {
        Arc::clone(&self.node.another_replica().primitives().key_value)
    }

    fn replica(&self, name: &str) -> Replica {
        self.replica_on(name, self.key_value())
    }

    fn replica_on(&self, name: &str, key_value: Arc<dyn KeyValue>) -> Replica {
        self.replica_with(name, key_value, Duration::from_secs(2))
    }

    fn replica_with(&self, name: &str, key_value: Arc<dyn KeyValue>, patience: Duration) -> Replica {
        let boot = BootId::new(name);
        let config = CallsConfig {
            patience,
            stale_reads: self.stale_reads,
            limits: self.limits,
            bytes_per_principal: self.bytes_per_principal,
            ..CallsConfig::new(boot.clone(), TTL)
        };
        let clock: Arc<dyn Clock> = self.clock.clone();
        Replica {
            calls: Calls::new(key_value, self.judge.clone(), clock, config),
            owner: OwnerPair {
                lease: format!("replica/{name}"),
                token: 1,
            },
            boot,
            clock: self.clock.clone(),
        }
    }

    fn call(&self, id: &str) -> CallKey {
        CallKey::new(&self.session, id).unwrap()
    }

    async fn head(&self, call: &CallKey) -> Option<Stored<Head>> {
        let writer = Writer::new(self.key_value(), Duration::from_secs(2));
        writer.read(&call.head()).await.unwrap()
    }

    async fn indexed(&self, boot: &BootId) -> usize {
        let scope = format!("owner/{boot}");
        let page = self.key_value().list(scope.as_bytes(), b"", None, 100).await;
        page.unwrap().entries.len()
    }
}

impl Replica {
    fn opening(&self, call: &CallKey) -> Opening {
        self.calls
            .opening(call.clone(), self.owner.clone(), self.clock.now())
    }

    async fn open(&self, call: &CallKey) -> Box<OpenCall> {
        match self.opening(call).open().await {
            Ok(Opened::Open(open)) => open,
            other => panic!("{other:?}"),
        }
    }
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

fn result(json: &str) -> QuestionAnswer {
    QuestionAnswer::Result(raw(json))
}

fn question(call: &CallKey, number: u64) -> QuestionId {
    QuestionId {
        call: call.clone(),
        number,
    }
}

/// The answers of a call that runs on.
fn answers(look: Look) -> Vec<(u64, String)> {
    match look {
        Look::Runs(answers) => answers
            .into_iter()
            .map(|(number, answer)| {
                let (Ok(raw) | Err(raw)) = answer.into();
                (number, RawValue::get(&raw).to_owned())
            })
            .collect(),
        other => panic!("{other:?}"),
    }
}
