//! What the border costs.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use mcpg_cluster::{Coordinator, Expect, Key, KeyValue};
use mcpg_plugin_host::Deadlines;
use mcpg_single_node::SingleNode;
use serde_json::json;

use crate::libraries::{TRUSTED, fixture};

/// Without optimisation only the way is walked, and nothing is judged.
const ROUNDS: usize = if cfg!(debug_assertions) { 1 } else { 21 };
const CALLS: u32 = if cfg!(debug_assertions) { 100 } else { 4000 };

/// The gate that does not depend on time: a trusted plugin answers on the thread that calls, with its first poll.
#[tokio::test]
async fn a_trusted_plugin_is_polled_on_the_thread_that_calls() {
    let here = std::fs::read_link("/proc/thread-self")
        .unwrap()
        .display()
        .to_string();
    let config = json!({"deployment": "thread", "fault": "calls_tell_their_thread"});
    for (probation, trusted) in [(0, true), (u32::MAX, false)] {
        let deadlines = Deadlines { probation, ..TRUSTED };
        let coordinator = fixture(deadlines).open(&config).await.unwrap();
        let key = key();
        let mut get = coordinator.primitives().key_value.get(&key);
        let answer = get.as_mut().now_or_never();
        // Another thread may be so quick that its answer is there at the first look too.
        assert!(answer.is_some() || !trusted, "answered by the first poll");
        let entry = match answer {
            Some(answer) => answer,
            None => get.await,
        };
        let polled_on = entry.unwrap().unwrap().value;
        assert_eq!(polled_on == here, trusted, "{polled_on:?} and {here}");
    }
}

#[tokio::test]
async fn a_get_through_the_library_costs_at_most_three_in_process() {
    let direct = SingleNode::new();
    let config = json!({"deployment": "cost"});
    let through = fixture(TRUSTED).open(&config).await.unwrap();
    let (direct, through) = (prepare(&direct).await, prepare(&*through).await);
    let mut pairs = Vec::new();
    for _ in 0..ROUNDS {
        pairs.push((measure(&direct).await, measure(&through).await));
    }
    pairs.sort_by(|one, other| ratio(one).total_cmp(&ratio(other)));
    let median = pairs[ROUNDS / 2];
    println!(
        "get of 256 B: in process {:?}, through the library {:?}, ratio {:.2}",
        median.0,
        median.1,
        ratio(&median)
    );
    // Without optimisation every layer costs what it does not cost in use.
    if !cfg!(debug_assertions) {
        assert!(ratio(&median) <= 3.0, "{median:?}");
    }
}

fn ratio((direct, through): &(Duration, Duration)) -> f64 {
    through.as_secs_f64() / direct.as_secs_f64()
}

async fn prepare(coordinator: &dyn Coordinator) -> Arc<dyn KeyValue> {
    let key_value = Arc::clone(&coordinator.primitives().key_value);
    let value = vec![b'x'; 256].into();
    key_value.put(&key(), value, Expect::Any, None).await.unwrap();
    key_value
}

fn key() -> Key {
    Key::new("sessions", "0123456789abcdef")
}

async fn measure(key_value: &Arc<dyn KeyValue>) -> Duration {
    let key = key();
    let began = Instant::now();
    for _ in 0..CALLS {
        black_box(key_value.get(&key).await.unwrap());
    }
    began.elapsed() / CALLS
}
