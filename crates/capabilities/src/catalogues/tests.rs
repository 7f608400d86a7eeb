//! Announcing changed lists.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mcpg_cluster::{Coordinator, Expect, TokioClock};
use mcpg_single_node::SingleNode;
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::handle::{Catalogues, SCOPE};
use super::record::{Catalogue, Digests};
use super::{CatalogueError, Finisher};
use crate::fleet::{Fleet, FleetOptions};
use crate::levels::{Levels, LevelsParts};
use crate::mailbox::{Handled, LookAgain, MailHandler, Mailbox, MailboxConfig, Note};
use crate::owner::BootId;
use crate::store::{Record, Writer};
use crate::view::{Listener, View};

const VALIDITY: Duration = Duration::from_secs(2);

/// A replica with its view, which writes down what it hears.
struct Replica {
    fleet: Arc<Fleet>,
    levels: Arc<Levels>,
    catalogues: Catalogues,
    heard: Arc<Heard>,
    running: JoinHandle<()>,
}

#[derive(Default)]
struct Heard {
    changes: Mutex<Vec<(String, u64)>>,
}

impl Listener for Heard {
    fn closed(&self, _: &str) {}

    fn changed(&self, upstream: &str, version: u64) {
        self.changes.lock().push((upstream.to_owned(), version));
    }

    fn lost(&self) {}
}

struct Hears(Arc<View>);

#[async_trait]
impl MailHandler for Hears {
    async fn look(&self, _: &Note) -> Result<(), LookAgain> {
        Ok(())
    }

    fn missed_notes(&self) {}

    async fn execute(&self, _: &str, _: Bytes) -> Handled {
        Handled::Refused
    }

    fn acknowledged(&self, name: &str, boot: &BootId) {
        self.0.acknowledged(name, boot.clone());
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn replica(backend: &SingleNode) -> Replica {
    let coordinator: Arc<dyn Coordinator> = Arc::new(backend.another_replica());
    let primitives = coordinator.primitives().clone();
    let boot = BootId::from(mcpg_cluster::Nonce::random().unwrap().to_string());
    let options = FleetOptions {
        clock: Arc::new(TokioClock::new()),
        ..FleetOptions::new(boot.clone(), VALIDITY)
    };
    let fleet = Fleet::join(coordinator, options).await.unwrap();
    let heard = Arc::<Heard>::default();
    fleet.view().listen(Arc::clone(&heard) as _);
    let levels = Levels::new(LevelsParts {
        key_value: Arc::clone(&primitives.key_value),
        pubsub: Arc::clone(&primitives.pubsub),
        incarnation: Arc::clone(fleet.incarnation()),
        formats: Arc::default(),
    });
    let mailbox = Mailbox::new(
        Arc::clone(&primitives.key_value),
        Arc::clone(&primitives.pubsub),
        Arc::clone(fleet.clock()),
        MailboxConfig::new(boot, Duration::from_secs(1)),
    );
    let catalogues = Catalogues::new(
        Arc::clone(&primitives.key_value),
        Arc::clone(fleet.view()),
        Arc::clone(&levels),
    );
    let hears = Arc::new(Hears(Arc::clone(fleet.view())));
    let (background, following) = (Arc::clone(&fleet), Arc::clone(&levels));
    let running = tokio::spawn(async move {
        let receiving = mailbox.run(hears, std::future::pending());
        tokio::join!(background.run(), following.run(), receiving);
    });
    while !fleet.view().is_fresh() || levels.position() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Replica {
        fleet,
        levels,
        catalogues,
        heard,
        running,
    }
}

fn digests(tools: &str) -> Digests {
    Digests {
        tools: tools.to_owned(),
        prompts: "p".to_owned(),
        resources: "r".to_owned(),
    }
}

async fn record(replica: &Replica) -> Catalogue {
    replica.catalogues.current("up").await.unwrap().unwrap()
}

/// Writes a change as a replica that stopped right after.
async fn change_and_stop(backend: &SingleNode, digests: Digests) {
    let key = mcpg_cluster::Key::new(SCOPE, "up");
    let writer = Writer::new(
        Arc::clone(&backend.primitives().key_value),
        Duration::from_secs(1),
    );
    let stored = writer.read::<Catalogue>(&key).await.unwrap().unwrap();
    let mut record = stored.record;
    record.change(digests);
    writer
        .write(&key, record, Expect::Version(stored.version), None)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn u8_clients_are_told_when_every_replica_has_heard_and_by_one_replica_only() {
    let backend = SingleNode::new();
    let (a, b) = (replica(&backend).await, replica(&backend).await);
    a.catalogues.publish("up", &digests("1")).await.unwrap();
    b.catalogues.publish("up", &digests("1")).await.unwrap();
    let before = a.levels.position();
    assert_eq!(record(&a).await.version, 1);
    assert!(a.heard.changes.lock().is_empty(), "the first lists are no change");
    let begun = Instant::now();
    a.catalogues.publish("up", &digests("2")).await.unwrap();
    assert!(begun.elapsed() < VALIDITY, "acknowledgements make it fast");
    b.catalogues.publish("up", &digests("2")).await.unwrap();
    assert_eq!(record(&a).await.version, 2);
    assert_eq!(a.levels.position(), before + 1, "one list changed, once");
    for replica in [&a, &b] {
        let heard = replica.heard.changes.lock();
        assert!(heard.iter().all(|heard| *heard == ("up".to_owned(), 2)) && !heard.is_empty());
    }
    assert!(record(&a).await.is_announced());
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_does_not_answer_is_waited_for_until_its_view_has_run_out() {
    let backend = SingleNode::new();
    let (a, b) = (replica(&backend).await, replica(&backend).await);
    a.catalogues.publish("up", &digests("1")).await.unwrap();
    b.running.abort();
    let begun = Instant::now();
    a.catalogues.publish("up", &digests("2")).await.unwrap();
    assert!(begun.elapsed() >= VALIDITY * 5 / 4, "{:?}", begun.elapsed());
    assert!(!b.fleet.view().is_fresh(), "it would not use what it remembers");
}

#[tokio::test(start_paused = true)]
async fn what_somebody_left_half_announced_is_announced_by_the_leader() {
    let backend = SingleNode::new();
    let (a, leader) = (replica(&backend).await, replica(&backend).await);
    a.catalogues.publish("up", &digests("1")).await.unwrap();
    change_and_stop(&backend, digests("2")).await;
    let before = leader.levels.position();
    let mut finisher = Finisher::new(leader.catalogues.clone());
    finisher.round().await.unwrap();
    assert!(
        !record(&a).await.is_announced(),
        "whoever wrote it is given some time"
    );
    tokio::time::sleep(VALIDITY * 3).await;
    finisher.round().await.unwrap();
    assert!(record(&a).await.is_announced());
    assert_eq!(leader.levels.position(), before + 1);
    assert_eq!(*a.heard.changes.lock(), [("up".to_owned(), 2)]);
    finisher.round().await.unwrap();
    assert_eq!(leader.levels.position(), before + 1, "once is enough");
}

#[tokio::test(start_paused = true)]
async fn two_changes_of_which_one_was_not_announced_are_announced_together() {
    let backend = SingleNode::new();
    let a = replica(&backend).await;
    a.catalogues.publish("up", &digests("1")).await.unwrap();
    change_and_stop(
        &backend,
        Digests {
            prompts: "other".to_owned(),
            ..digests("1")
        },
    )
    .await;
    let before = a.levels.position();
    let both = Digests {
        prompts: "other".to_owned(),
        ..digests("2")
    };
    a.catalogues.publish("up", &both).await.unwrap();
    assert_eq!(a.levels.position(), before + 2, "tools and prompts");
    assert_eq!(record(&a).await.announced, 3);
}

#[tokio::test]
async fn errors_say_what_is_wrong() {
    let unavailable = mcpg_cluster::Error::new(mcpg_cluster::ErrorKind::Unavailable, "gone");
    assert_eq!(
        CatalogueError::from(unavailable).to_string(),
        "the coordinator cannot be reached: unavailable: gone"
    );
    let broken = Catalogue::decode(b"7").unwrap_err();
    let error = CatalogueError::from(crate::store::WriteError::<Catalogue>::Format(broken));
    assert!(
        error
            .to_string()
            .starts_with("the record of the catalogue is unusable: "),
        "{error}"
    );
}
