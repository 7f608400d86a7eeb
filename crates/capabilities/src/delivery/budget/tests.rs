#![allow(clippy::unwrap_used)]

use mcpg_cluster::{Coordinator as _, TokioClock};
use mcpg_single_node::SingleNode;

use super::*;
use crate::testing::{Blackout, Counting, Verdicts};

const TTL: Duration = Duration::from_secs(100);
const LINGER: Duration = Duration::from_secs(30);
/// Sixteen chunks of 100 bytes, of which 25 are free.
const BUDGET: u64 = 1_600;

struct Fleet {
    node: SingleNode,
    judge: Arc<Verdicts>,
    clock: Arc<TokioClock>,
}

struct Replica {
    budgets: Budgets,
    writer: Writer,
    owner: OwnerPair,
    counting: Arc<Counting>,
}

impl Fleet {
    fn new() -> Self {
        Self {
            node: SingleNode::new(),
            judge: Verdicts::new(),
            clock: Arc::new(TokioClock::new()),
        }
    }

    fn key_value(&self) -> Arc<dyn KeyValue> {
        Arc::clone(&self.node.another_replica().primitives().key_value)
    }

    fn replica(&self, name: &str) -> Replica {
        self.replica_on(name, self.key_value())
    }

    fn replica_on(&self, name: &str, key_value: Arc<dyn KeyValue>) -> Replica {
        let counting = Counting::new(key_value);
        let config = BudgetConfig {
            boot: BootId::new(name),
            bytes_per_principal: BUDGET,
            ttl: TTL,
            linger: LINGER,
        };
        Replica {
            budgets: Budgets::new(counting.clone(), self.judge.clone(), self.clock.clone(), config),
            writer: Writer::new(counting.clone(), Duration::from_secs(2)),
            owner: OwnerPair {
                lease: format!("replica/{name}"),
                token: 1,
            },
            counting,
        }
    }

    /// What each replica has taken of a principal's budget.
    async fn shares(&self, principal: &str) -> Vec<(String, u64)> {
        let writer = Writer::new(self.key_value(), Duration::from_secs(2));
        let stored = writer.read::<BudgetRecord>(&key(principal)).await.unwrap();
        let shares = split(stored).0.shares.into_iter();
        shares
            .map(|(boot, share)| (boot.as_str().to_owned(), share.bytes))
            .collect()
    }
}

impl Replica {
    /// Whether there was room.
    async fn resize(&self, held: &mut Held, bytes: u64) -> bool {
        held.resize(bytes, &self.writer, &self.owner)
            .await
            .unwrap()
            .is_ok()
    }

    async fn tend(&self) {
        self.budgets.tend(&self.writer).await;
    }
}

#[tokio::test(start_paused = true)]
async fn i8_little_costs_nothing_and_more_is_taken_in_chunks() {
    let fleet = Fleet::new();
    let a = fleet.replica("a");
    let (mut one, mut other) = (a.budgets.hold("p/s"), a.budgets.hold("p/t"));
    assert!(a.resize(&mut one, 20).await && a.resize(&mut other, 5).await);
    assert_eq!(a.counting.take().total(), 0, "a quarter of a chunk is free");
    assert!(a.resize(&mut other, 6).await);
    assert_eq!(a.counting.take().total(), 2, "one read, one write");
    assert_eq!(fleet.shares("p").await, [("a".into(), 100)]);
    for bytes in 7..=80 {
        assert!(a.resize(&mut other, bytes).await);
    }
    assert_eq!(a.counting.take().total(), 0);
    assert!(a.resize(&mut one, 300).await);
    assert_eq!(fleet.shares("p").await, [("a".into(), 400)]);
    assert_eq!(a.counting.take().total(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_streams_of_a_principal_never_hold_more_than_its_budget() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let (mut here, mut there) = (a.budgets.hold("p/s"), b.budgets.hold("p/t"));
    assert!(a.resize(&mut here, 1_000).await);
    assert!(b.resize(&mut there, 550).await);
    assert!(!b.resize(&mut there, 601).await);
    assert_eq!(fleet.shares("p").await, [("a".into(), 1_000), ("b".into(), 600)]);
    // A refusal is remembered for a moment, and what is refused is not counted.
    b.counting.take();
    assert!(!b.resize(&mut there, 700).await);
    assert_eq!(b.counting.take().total(), 0);
    assert!(b.resize(&mut there, 600).await);
    // Somebody else has a budget of his own.
    assert!(b.resize(&mut b.budgets.hold("q/t"), 1_500).await);
    assert!(b.resize(&mut b.budgets.hold("anonymous"), 1_500).await);
    assert_eq!(fleet.shares("anonymous").await, [("b".into(), 1_500)]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_counts_for_a_while_after_its_end_and_is_then_given_back() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let mut here = a.budgets.hold("p/s");
    let mut there = b.budgets.hold("p/t");
    assert!(a.resize(&mut here, 1_500).await);
    drop(here);
    a.tend().await;
    assert!(!b.resize(&mut there, 200).await, "its client may still come back");
    tokio::time::advance(LINGER).await;
    a.tend().await;
    assert_eq!(fleet.shares("p").await, []);
    assert!(b.resize(&mut there, 200).await);
    a.counting.take();
    a.tend().await;
    assert_eq!(a.counting.take().total(), 0, "nothing is left to tend");
}

#[tokio::test(start_paused = true)]
async fn what_a_stream_lets_go_of_is_given_back_but_for_a_chunk() {
    let fleet = Fleet::new();
    let a = fleet.replica("a");
    let mut held = a.budgets.hold("p/s");
    assert!(a.resize(&mut held, 1_000).await);
    assert!(a.resize(&mut held, 850).await);
    a.tend().await;
    assert_eq!(fleet.shares("p").await, [("a".into(), 1_000)]);
    assert!(a.resize(&mut held, 400).await);
    a.tend().await;
    assert_eq!(fleet.shares("p").await, [("a".into(), 400)]);
    held.set(10);
    a.tend().await;
    assert_eq!(fleet.shares("p").await, []);
}

#[tokio::test(start_paused = true)]
async fn a_share_lives_as_long_as_it_is_needed() {
    let fleet = Fleet::new();
    let a = fleet.replica("a");
    let mut held = a.budgets.hold("p/s");
    assert!(a.resize(&mut held, 1_000).await);
    for _ in 0..60 {
        tokio::time::advance(Duration::from_secs(5)).await;
        a.tend().await;
        assert_eq!(fleet.shares("p").await, [("a".into(), 1_000)]);
    }
    let operations = a.counting.take().total();
    assert!(operations <= 2 + 2 * 12, "{operations}");
}

#[tokio::test(start_paused = true)]
async fn who_needs_room_drops_what_a_dead_replica_had() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let (mut here, mut there) = (a.budgets.hold("p/s"), b.budgets.hold("p/t"));
    assert!(a.resize(&mut here, 1_000).await);
    assert!(!b.resize(&mut there, 1_000).await);
    fleet.judge.kill(&a.owner);
    tokio::time::advance(REFUSED_FOR).await;
    assert!(b.resize(&mut there, 1_000).await);
    assert_eq!(fleet.shares("p").await, [("b".into(), 1_000)]);
    // It was not dead after all: it has what is left.
    assert!(!a.resize(&mut here, 1_100).await);
    tokio::time::advance(TTL / 4).await;
    a.tend().await;
    assert_eq!(fleet.shares("p").await, [("a".into(), 600), ("b".into(), 1_000)]);
}

#[tokio::test(start_paused = true)]
async fn i4_nothing_is_taken_while_the_coordinator_is_out() {
    let fleet = Fleet::new();
    let blackout = Blackout::to_come(fleet.key_value());
    let a = fleet.replica_on("a", blackout.clone());
    let mut held = a.budgets.hold("p/s");
    blackout.begin(Duration::from_secs(60));
    assert!(a.resize(&mut held, 20).await, "what is free needs nobody");
    assert!(held.resize(500, &a.writer, &a.owner).await.is_err());
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(held.bytes, 20);
    assert!(a.resize(&mut held, 500).await);
    assert_eq!(fleet.shares("p").await, [("a".into(), 500)]);
}

#[tokio::test(start_paused = true)]
async fn many_streams_of_many_replicas_take_at_once() {
    let fleet = Fleet::new();
    let replicas: Vec<Replica> = ["a", "b", "c"].iter().map(|name| fleet.replica(name)).collect();
    let mut holding = Vec::new();
    for stream in 0..12 {
        let replica = &replicas[stream % 3];
        let (budgets, writer) = (replica.budgets.clone(), replica.writer.clone());
        let owner = replica.owner.clone();
        holding.push(tokio::spawn(async move {
            let mut held = budgets.hold("p/s");
            for bytes in (10..=200).step_by(10) {
                if held.resize(bytes, &writer, &owner).await.unwrap().is_err() {
                    break;
                }
            }
            held
        }));
    }
    let mut held = Vec::new();
    for holding in holding {
        held.push(holding.await.unwrap());
    }
    let used: u64 = held.iter().map(|held| held.bytes).sum();
    assert!((BUDGET - 300..=BUDGET).contains(&used), "{used}");
    let shares = fleet.shares("p").await;
    let taken: u64 = shares.iter().map(|(_, bytes)| bytes).sum();
    assert!(taken <= BUDGET, "{shares:?}");
}
