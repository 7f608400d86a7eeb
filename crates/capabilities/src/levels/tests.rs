//! The feed, and following it.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexSet;
use mcpg_cluster::{Coordinator, Expect};
use mcpg_single_node::SingleNode;
use tokio::task::JoinHandle;

use super::handle::place;
use super::{Feed, Level, Levels, LevelsParts, Raised, Teller, Wants};
use crate::incarnation::Incarnation;
use crate::store::Record;
use crate::testing::Counting;

struct Follower {
    levels: Arc<Levels>,
    running: JoinHandle<()>,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn follower(backend: &SingleNode) -> Follower {
    let replica = backend.another_replica();
    let primitives = replica.primitives();
    parts(LevelsParts {
        key_value: Arc::clone(&primitives.key_value),
        pubsub: Arc::clone(&primitives.pubsub),
        incarnation: Arc::new(Incarnation::new(Arc::clone(&primitives.key_value))),
        formats: Arc::default(),
    })
    .await
}

async fn parts(parts: LevelsParts) -> Follower {
    parts.incarnation.compare().await.unwrap();
    let levels = Levels::new(parts);
    let following = Arc::clone(&levels);
    let running = tokio::spawn(async move { match following.run().await {} });
    levels.moved_on(0).await;
    Follower { levels, running }
}

fn uris(uris: &[&str]) -> IndexSet<String> {
    uris.iter().map(|uri| (*uri).to_owned()).collect()
}

fn wants(uris: &IndexSet<String>) -> Wants<'_> {
    Wants {
        tools: true,
        prompts: false,
        resources: false,
        uris,
    }
}

/// What is newer, in order.
fn newer(feed: &Feed, position: u64, wanted: &IndexSet<String>) -> Vec<Level> {
    let due = feed.since(position, wants(wanted));
    due.into_iter().map(|due| due.level).collect()
}

fn resource(uri: &str) -> Level {
    Level::Resource(uri.to_owned())
}

#[test]
fn each_change_is_told_once_to_who_wants_it_in_the_order_of_the_changes() {
    let mut feed = Feed::started(1);
    let start = feed.last();
    feed.raise(&Raised::resource("b"));
    feed.raise(&Raised::lists());
    feed.raise(&Raised::resource("a"));
    feed.raise(&Raised::resource("not wanted"));
    let wanted = uris(&["a", "b"]);
    assert_eq!(
        newer(&feed, start, &wanted),
        [resource("b"), Level::Tools, resource("a")]
    );
    let due = feed.since(start, wants(&wanted));
    let positions: IndexSet<u64> = due.iter().map(|due| due.position).collect();
    assert_eq!(positions.len(), due.len(), "each has an id of its own");
    for (told, due) in due.iter().enumerate() {
        let rest = newer(&feed, due.position, &wanted);
        assert_eq!(rest.len(), 2 - told, "who was told up to one is told the rest");
    }
    assert_eq!(newer(&feed, feed.last(), &wanted), []);
}

#[test]
fn a_position_of_another_life_means_that_everything_changed() {
    let mut feed = Feed::started(1);
    feed.raise(&Raised::resource("a"));
    let wanted = uris(&["a", "never changed"]);
    let everything = [Level::Tools, resource("a"), resource("never changed")];
    for position in [0, feed.last() + 1, u64::MAX] {
        assert_eq!(newer(&feed, position, &wanted), everything);
        let due = feed.since(position, wants(&wanted));
        assert_eq!(due.last().unwrap().position, feed.last());
        for part in &due[..2] {
            let again = newer(&feed, part.position, &wanted);
            assert_eq!(again, everything, "only the last one ends it");
        }
    }
    let other = Feed::started(1);
    assert_eq!(newer(&other, feed.last(), &wanted), everything);
}

#[test]
fn a_feed_that_is_full_forgets_what_changed_longest_ago_and_knows_it() {
    let mut feed = Feed::started(1);
    let start = feed.last();
    for number in 0..10_001 {
        feed.raise(&Raised::resource(format!("u{number}")));
    }
    let wanted = uris(&["u0", "u1", "u10000"]);
    assert!(!feed.covers(start));
    assert!(feed.covers(start + 1));
    assert_eq!(newer(&feed, start, &wanted).len(), 4, "everything that is wanted");
    assert_eq!(
        newer(&feed, start + 1, &wanted),
        [resource("u1"), resource("u10000")]
    );
    let mut long = Feed::started(1);
    let start = long.last();
    for number in 0..65 {
        long.raise(&Raised::resource(format!("{number}{}", "x".repeat(4_096))));
    }
    assert!(!long.covers(start), "bytes are bounded too");
    assert!(long.encode(1).unwrap().len() < 300 * 1_024);
    let read = Feed::decode(&feed.encode(1).unwrap()).unwrap();
    assert_eq!(newer(&read, start + 1, &wanted), newer(&feed, start + 1, &wanted));
    assert!(feed.encode(1).unwrap().len() < 500 * 1_024);
}

#[test]
fn what_was_subscribed_to_elsewhere_is_told_though_the_feed_has_passed() {
    let mut feed = Feed::started(1);
    let none = IndexSet::new();
    let mut teller = Teller::new(feed.last(), wants(&none), feed.last());
    // The session subscribes elsewhere, and the resource is updated before the holder of the stream knows.
    feed.raise(&Raised::resource("a"));
    assert_eq!(teller.due(&feed), []);
    teller.told(feed.last());
    let missed = teller.look(&uris(&["a"]), feed.last(), &feed);
    assert_eq!(missed.len(), 1);
    assert_eq!(missed[0].level, resource("a"));
    assert_eq!(
        teller.look(&uris(&["a"]), feed.last(), &feed),
        [],
        "once is enough"
    );
    assert_eq!(teller.due(&feed), []);
    feed.raise(&Raised::resource("a"));
    assert_eq!(teller.due(&feed).len(), 1);
    assert_eq!(teller.look(&none, feed.last(), &feed), []);
    assert_eq!(teller.due(&feed), [], "who has unsubscribed is told no more");
}

#[tokio::test(start_paused = true)]
async fn what_one_replica_raises_every_replica_knows_at_once() {
    let backend = SingleNode::new();
    let (a, b) = (follower(&backend).await, follower(&backend).await);
    let before = b.levels.position();
    let position = a.levels.raise(Raised::resource("a")).await;
    assert!(position > before);
    b.levels.moved_on(before).await;
    assert_eq!(b.levels.position(), position);
    let feed = b.levels.feed().unwrap();
    assert_eq!(newer(&feed, before, &uris(&["a"])), [resource("a")]);
}

#[tokio::test(start_paused = true)]
async fn i1_without_any_wake_up_a_level_is_known_at_the_next_resync() {
    let backend = SingleNode::new();
    let (a, mute) = (follower(&backend).await, SingleNode::new());
    let replica = backend.another_replica();
    let key_value = Arc::clone(&replica.primitives().key_value);
    let deaf = parts(LevelsParts {
        incarnation: Arc::new(Incarnation::new(Arc::clone(&key_value))),
        key_value,
        pubsub: Arc::clone(&mute.primitives().pubsub),
        formats: Arc::default(),
    })
    .await;
    let before = deaf.levels.position();
    a.levels.raise(Raised::lists()).await;
    let resync = Duration::from_millis(2_100);
    tokio::time::timeout(resync, deaf.levels.moved_on(before))
        .await
        .expect("known within a resync");
}

#[tokio::test(start_paused = true)]
async fn what_is_raised_while_a_write_is_under_way_goes_along_with_the_next_one() {
    let backend = SingleNode::new();
    let counting = Counting::new(Arc::clone(&backend.primitives().key_value));
    let a = parts(LevelsParts {
        key_value: Arc::clone(&counting) as _,
        pubsub: Arc::clone(&backend.primitives().pubsub),
        incarnation: Arc::new(Incarnation::new(Arc::clone(&backend.primitives().key_value))),
        formats: Arc::default(),
    })
    .await;
    let before = a.levels.position();
    counting.take();
    let raising = (0..50).map(|number| a.levels.raise(Raised::resource(format!("u{number}"))));
    let positions = futures_util::future::join_all(raising).await;
    assert_eq!(*positions.iter().max().unwrap(), before + 50);
    assert!(counting.take().puts <= 2);
}

#[tokio::test(start_paused = true)]
async fn a_feed_of_lost_data_starts_anew_once_and_all_is_told() {
    let backend = SingleNode::new();
    let (a, b) = (follower(&backend).await, follower(&backend).await);
    let key_value = Arc::clone(&backend.primitives().key_value);
    let old = a.levels.raise(Raised::lists()).await;
    b.levels.moved_on(old - 3).await;
    key_value.delete(&place(), Expect::Any).await.unwrap();
    let meta = mcpg_cluster::Key::new("meta", "incarnation");
    key_value.delete(&meta, Expect::Any).await.unwrap();
    for follower in [&a, &b] {
        follower.levels.incarnation.compare().await.unwrap();
    }
    b.levels.moved_on(old).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(a.levels.position(), b.levels.position(), "they agree on one life");
    let feed = a.levels.feed().unwrap();
    assert!(!feed.covers(old));
    assert_eq!(newer(&feed, old, &uris(&["a"])).len(), 2);
    assert_eq!(newer(&feed, feed.last(), &uris(&["a"])), []);
}
