//! Holding subscriptions once, and taking them over.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mcpg_cluster::{Coordinator, TokioClock};
use mcpg_single_node::SingleNode;
use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::{
    Keeper, NotJoined, NotSubscribed, SubscriptionError, SubscriptionName, Subscriptions,
    SubscriptionsConfig, SubscriptionsParts,
};
use crate::fleet::{Fleet, FleetOptions};
use crate::levels::{Levels, LevelsParts};
use crate::mailbox::{Handled, LookAgain, MailHandler, Mailbox, MailboxConfig, Note};
use crate::owner::BootId;

const TTL: Duration = Duration::from_secs(600);

/// An upstream: who is subscribed, and how often somebody asked to be.
#[derive(Default)]
struct Upstream {
    subscribed: Mutex<BTreeSet<(String, String)>>,
    asked: Mutex<usize>,
    refuses: Mutex<bool>,
}

/// One replica's way to it.
struct Way {
    upstream: Arc<Upstream>,
    replica: String,
}

#[async_trait]
impl Keeper for Way {
    async fn subscribe(&self, _: &str, uri: &str) -> Result<(), NotSubscribed> {
        *self.upstream.asked.lock() += 1;
        if *self.upstream.refuses.lock() {
            let error = RawValue::from_string(r#"{"code":-7,"message":"no"}"#.to_owned()).unwrap();
            return Err(NotSubscribed::Refused(error));
        }
        let subscribed = (self.replica.clone(), uri.to_owned());
        self.upstream.subscribed.lock().insert(subscribed);
        Ok(())
    }

    async fn unsubscribe(&self, _: &str, uri: &str) {
        let subscribed = (self.replica.clone(), uri.to_owned());
        self.upstream.subscribed.lock().remove(&subscribed);
    }
}

impl Upstream {
    /// The replicas that are subscribed to a resource.
    fn holders(&self, uri: &str) -> Vec<String> {
        let subscribed = self.subscribed.lock();
        let of_uri = subscribed.iter().filter(|(_, known)| known == uri);
        of_uri.map(|(replica, _)| replica.clone()).collect()
    }
}

struct Replica {
    fleet: Arc<Fleet>,
    levels: Arc<Levels>,
    subscriptions: Subscriptions,
    running: JoinHandle<()>,
}

struct Hears(Subscriptions);

#[async_trait]
impl MailHandler for Hears {
    async fn look(&self, note: &Note) -> Result<(), LookAgain> {
        self.0.look(&note.at).await.map(drop).map_err(|_| LookAgain)
    }

    fn missed_notes(&self) {}

    async fn execute(&self, _: &str, _: Bytes) -> Handled {
        Handled::Refused
    }

    fn acknowledged(&self, _: &str, _: &BootId) {}
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn replica(backend: &SingleNode, upstream: &Arc<Upstream>, name: &str) -> Replica {
    let coordinator: Arc<dyn Coordinator> = Arc::new(backend.another_replica());
    let primitives = coordinator.primitives().clone();
    let options = FleetOptions {
        clock: Arc::new(TokioClock::new()),
        ..FleetOptions::new(BootId::new(name), Duration::from_secs(2))
    };
    let fleet = Fleet::join(coordinator, options).await.unwrap();
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
        MailboxConfig::new(BootId::new(name), Duration::from_secs(1)),
    );
    let subscriptions = Subscriptions::new(SubscriptionsParts {
        key_value: primitives.key_value,
        replica: Arc::clone(fleet.replica()),
        mailbox: mailbox.clone(),
        levels: Arc::clone(&levels),
        formats: Arc::default(),
        config: SubscriptionsConfig {
            ttl: TTL,
            patience: Duration::from_secs(1),
        },
    });
    subscriptions.keep_with(Arc::new(Way {
        upstream: Arc::clone(upstream),
        replica: name.to_owned(),
    }));
    let hears = Arc::new(Hears(subscriptions.clone()));
    let (background, following, holding) = (Arc::clone(&fleet), Arc::clone(&levels), subscriptions.clone());
    let running = tokio::spawn(async move {
        let receiving = mailbox.run(hears, std::future::pending());
        tokio::join!(background.run(), following.run(), holding.run(), receiving);
    });
    levels.moved_on(0).await;
    Replica {
        fleet,
        levels,
        subscriptions,
        running,
    }
}

async fn two(backend: &SingleNode, upstream: &Arc<Upstream>) -> (Replica, Replica) {
    (
        replica(backend, upstream, "a").await,
        replica(backend, upstream, "b").await,
    )
}

fn name() -> SubscriptionName {
    SubscriptionName::new("up", "configured", "test://x")
}

impl Replica {
    async fn leave(&self, session: &str) {
        self.subscriptions.leave_for_good(&name(), session).await.unwrap();
    }

    /// Dies: it runs no more, and its lease is gone.
    async fn die(&self) {
        self.running.abort();
        self.fleet.replica().leave().await.unwrap();
    }
}

/// Waits until so many replicas are subscribed.
async fn held_by(upstream: &Upstream, holders: &[&str]) {
    let deadline = Instant::now() + TTL / 2;
    while upstream.holders("test://x") != holders {
        assert!(Instant::now() < deadline, "{:?}", upstream.holders("test://x"));
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn however_many_sessions_join_one_replica_is_subscribed() {
    let backend = SingleNode::new();
    let upstream = Arc::<Upstream>::default();
    let (a, b) = two(&backend, &upstream).await;
    for session in ["1", "2", "3"] {
        a.subscriptions.join(&name(), session).await.unwrap();
        b.subscriptions
            .join(&name(), &format!("b{session}"))
            .await
            .unwrap();
    }
    assert_eq!(upstream.holders("test://x"), ["a"]);
    assert_eq!(*upstream.asked.lock(), 1);
    assert_eq!(a.subscriptions.held_at("up"), ["test://x"]);
    assert!(b.subscriptions.held_at("up").is_empty());
    for session in ["1", "2", "3"] {
        a.leave(session).await;
        b.leave(&format!("b{session}")).await;
    }
    held_by(&upstream, &[]).await;
    b.subscriptions.join(&name(), "again").await.unwrap();
    assert_eq!(upstream.holders("test://x"), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn who_joins_at_once_at_two_replicas_leaves_one_holder() {
    let backend = SingleNode::new();
    let upstream = Arc::<Upstream>::default();
    let (a, b) = two(&backend, &upstream).await;
    let subscription = name();
    let (one, other) = tokio::join!(
        a.subscriptions.join(&subscription, "1"),
        b.subscriptions.join(&subscription, "2")
    );
    one.unwrap();
    other.unwrap();
    assert_eq!(upstream.holders("test://x").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_upstream_refuses_leaves_nothing_behind() {
    let backend = SingleNode::new();
    let upstream = Arc::<Upstream>::default();
    let (a, b) = two(&backend, &upstream).await;
    *upstream.refuses.lock() = true;
    let refused = a.subscriptions.join(&name(), "1").await;
    let Err(NotJoined::Upstream(refused)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(
        refused.to_string(),
        r#"the upstream refuses the subscription: {"code":-7,"message":"no"}"#
    );
    a.leave("1").await;
    *upstream.refuses.lock() = false;
    b.subscriptions.join(&name(), "2").await.unwrap();
    assert_eq!(upstream.holders("test://x"), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn u2_what_a_dead_replica_held_is_taken_over_and_the_level_raised() {
    let backend = SingleNode::new();
    let upstream = Arc::<Upstream>::default();
    let (a, b) = two(&backend, &upstream).await;
    a.subscriptions.join(&name(), "1").await.unwrap();
    let boot = BootId::new("a");
    let living = b.subscriptions.take_over_from(&boot, None, 10).await.unwrap();
    assert_eq!((living.taken_over, living.kept), (0, 1), "nobody is dead");
    sleep(b.fleet.replica().lease_ttl() * 2).await;
    a.die().await;
    let before = b.levels.position();
    let swept = b.subscriptions.take_over_from(&boot, None, 10).await.unwrap();
    assert_eq!((swept.taken_over, swept.kept), (1, 0));
    b.levels.moved_on(before).await;
    assert_eq!(b.subscriptions.held_at("up"), ["test://x"]);
    let swept = b.subscriptions.take_over_from(&boot, None, 10).await.unwrap();
    assert_eq!((swept.taken_over, swept.kept), (0, 0), "nothing is left");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_wants_any_more_is_not_taken_over() {
    let backend = SingleNode::new();
    let upstream = Arc::<Upstream>::default();
    let (a, b) = two(&backend, &upstream).await;
    a.subscriptions.join(&name(), "1").await.unwrap();
    sleep(b.fleet.replica().lease_ttl() * 2).await;
    a.die().await;
    b.leave("1").await;
    let swept = b.subscriptions.take_over_from(&BootId::new("a"), None, 10).await;
    assert_eq!(swept.unwrap().taken_over, 0);
    assert!(b.subscriptions.held_at("up").is_empty());
    b.subscriptions.join(&name(), "2").await.unwrap();
    assert!(
        upstream.holders("test://x").contains(&"b".to_owned()),
        "it can be joined again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_was_taken_for_dead_lets_go() {
    let backend = SingleNode::new();
    let upstream = Arc::<Upstream>::default();
    let (a, b) = two(&backend, &upstream).await;
    a.subscriptions.join(&name(), "1").await.unwrap();
    sleep(b.fleet.replica().lease_ttl() * 2).await;
    a.fleet.replica().leave().await.unwrap();
    let swept = b.subscriptions.take_over_from(&BootId::new("a"), None, 10).await;
    assert_eq!(swept.unwrap().taken_over, 1);
    held_by(&upstream, &["b"]).await;
    assert!(a.subscriptions.held_at("up").is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_held_lives_on_and_what_expires_unwanted_is_given_up() {
    let backend = SingleNode::new();
    let upstream = Arc::<Upstream>::default();
    let (a, b) = two(&backend, &upstream).await;
    a.subscriptions.join(&name(), "1").await.unwrap();
    for _ in 0..6 {
        sleep(TTL / 2).await;
        b.subscriptions.keep_interest(&name(), "1").await.unwrap();
    }
    b.subscriptions.join(&name(), "2").await.unwrap();
    assert_eq!(*upstream.asked.lock(), 1, "the record still names its holder");
    sleep(TTL * 2).await;
    assert!(upstream.holders("test://x").is_empty(), "no interest was kept");
}

#[tokio::test(start_paused = true)]
async fn an_interest_that_was_written_again_is_not_removed_by_who_knew_the_earlier_one() {
    let backend = SingleNode::new();
    let upstream = Arc::<Upstream>::default();
    let (a, b) = two(&backend, &upstream).await;
    a.subscriptions.join(&name(), "1").await.unwrap();
    let known = b.subscriptions.interest(&name(), "1").await.unwrap().unwrap();
    a.subscriptions.join(&name(), "1").await.unwrap();
    b.subscriptions.leave(&name(), "1", known).await.unwrap();
    assert!(b.subscriptions.interest(&name(), "1").await.unwrap().is_some());
    assert_eq!(upstream.holders("test://x"), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_lease_nothing_is_held() {
    let backend = SingleNode::new();
    let upstream = Arc::<Upstream>::default();
    let a = replica(&backend, &upstream, "a").await;
    a.die().await;
    let refused = a.subscriptions.join(&name(), "1").await;
    assert!(
        matches!(&refused, Err(NotJoined::Record(SubscriptionError::NoLease))),
        "{refused:?}"
    );
    assert_eq!(
        SubscriptionError::NoLease.to_string(),
        "this replica has no lease at the moment"
    );
    assert_eq!(*upstream.asked.lock(), 0);
}
