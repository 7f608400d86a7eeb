#![allow(clippy::unwrap_used)]

mod faults;
mod notes;
mod orders;
mod receivers;
mod requests;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mcpg_cluster::{
    Clock, Coordinator as _, EventStream, Expect, Key, KeyValue, PubSub, Result, TokioClock, Version,
};
use mcpg_single_node::SingleNode;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use super::*;
use crate::node_topic::{self, WakeUp};
use crate::owner::BootId;

const RESYNC: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(10);

/// Replicas on one coordinator.
struct Fleet {
    node: SingleNode,
    clock: Arc<TokioClock>,
}

/// One replica that receives its mail.
struct Replica {
    mailbox: Mailbox,
    boot: BootId,
    seen: Arc<Seen>,
    running: JoinHandle<()>,
    stop: Option<oneshot::Sender<()>>,
}

/// A handler that records what it is given. Requests of the kind `hold` wait until they are let go.
#[derive(Debug)]
struct Seen {
    looks: Mutex<Vec<Note>>,
    begun_looks: AtomicUsize,
    missed: AtomicUsize,
    executed: Mutex<HashMap<Bytes, usize>>,
    acks: Mutex<Vec<(String, BootId)>>,
    /// How many looks fail before one succeeds.
    failing_looks: Mutex<usize>,
    gate: Semaphore,
}

#[async_trait]
impl MailHandler for Seen {
    async fn look(&self, note: &Note) -> std::result::Result<(), LookAgain> {
        self.begun_looks.fetch_add(1, Ordering::SeqCst);
        if note.at.name.as_ref() == b"slow" {
            std::future::pending::<()>().await;
        }
        let mut failing = self.failing_looks.lock();
        if *failing > 0 {
            *failing -= 1;
            return Err(LookAgain);
        }
        self.looks.lock().push(note.clone());
        Ok(())
    }

    async fn execute(&self, kind: &str, body: Bytes) -> Handled {
        *self.executed.lock().entry(body.clone()).or_default() += 1;
        match kind {
            "hold" => {
                self.gate.acquire().await.unwrap().forget();
                Handled::Answered(body)
            }
            "panic" => panic!("a handler that panics"),
            "echo" => Handled::Answered(body),
            _ => Handled::Refused,
        }
    }

    fn missed_notes(&self) {
        self.missed.fetch_add(1, Ordering::SeqCst);
    }

    fn acknowledged(&self, session: &str, boot: &BootId) {
        self.acks.lock().push((session.to_owned(), boot.clone()));
    }
}

impl Seen {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            looks: Mutex::default(),
            begun_looks: AtomicUsize::default(),
            missed: AtomicUsize::default(),
            executed: Mutex::default(),
            acks: Mutex::default(),
            failing_looks: Mutex::default(),
            gate: Semaphore::new(0),
        })
    }

    fn times(&self, body: &'static str) -> usize {
        let body = Bytes::from_static(body.as_bytes());
        self.executed.lock().get(&body).copied().unwrap_or_default()
    }
}

/// A pubsub whose messages all get lost.
struct Deaf(Arc<dyn PubSub>);

#[async_trait]
impl PubSub for Deaf {
    async fn publish(&self, _topic: &[u8], _payload: Bytes) -> Result<()> {
        Ok(())
    }

    async fn subscribe(&self, topic: &[u8]) -> Result<EventStream> {
        self.0.subscribe(topic).await
    }
}

impl Fleet {
    fn new() -> Self {
        Self {
            node: SingleNode::new(),
            clock: Arc::new(TokioClock::new()),
        }
    }

    fn key_value(&self) -> Arc<dyn KeyValue> {
        Arc::clone(&self.node.another_replica().primitives().key_value)
    }

    fn pubsub(&self) -> Arc<dyn PubSub> {
        Arc::clone(&self.node.another_replica().primitives().pubsub)
    }

    /// A mailbox that sends but does not receive.
    fn silent(&self, name: &str) -> Mailbox {
        self.mailbox(name, self.key_value(), self.pubsub())
    }

    fn mailbox(&self, name: &str, key_value: Arc<dyn KeyValue>, pubsub: Arc<dyn PubSub>) -> Mailbox {
        let mut config = MailboxConfig::new(BootId::new(name), Duration::from_millis(1));
        config.max_requests = 4;
        config.patience = Duration::from_secs(1);
        let clock: Arc<dyn Clock> = self.clock.clone();
        Mailbox::new(key_value, pubsub, clock, config)
    }

    async fn replica(&self, name: &str) -> Replica {
        Replica::start(self.silent(name)).await
    }

    async fn deaf_replica(&self, name: &str) -> Replica {
        let deaf = Arc::new(Deaf(self.pubsub()));
        Replica::start(self.mailbox(name, self.key_value(), deaf)).await
    }

    async fn mail(&self, boot: &BootId) -> Vec<String> {
        let scope = format!("mail/{boot}");
        let page = self.key_value().list(scope.as_bytes(), b"", None, 1000).await;
        let names = page.unwrap().entries.into_iter();
        names
            .map(|found| String::from_utf8(found.name.to_vec()).unwrap())
            .collect()
    }
}

impl Replica {
    async fn start(mailbox: Mailbox) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let seen = Seen::new();
        let (receiving, handler) = (mailbox.clone(), seen.clone());
        let running = tokio::spawn(async move {
            let stopped = async move { drop(stopped.await) };
            receiving.run(handler, stopped).await;
        });
        // Paused time moves only when everybody waits: by then the subscription is live.
        tokio::time::sleep(Duration::from_millis(1)).await;
        Self {
            boot: mailbox.config.boot.clone(),
            mailbox,
            seen,
            running,
            stop: Some(stop),
        }
    }
}

async fn eventually(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + within;
    while !holds() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "not within {within:?}: {what}"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn note(name: &'static str, version: u64) -> Note {
    Note {
        at: Key::new("call/s", name),
        version: Version::new(version),
    }
}

fn body(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}
