//! What the border costs.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcpg_cluster::{Coordinator, Expect, Key, KeyValue};
use mcpg_plugin_host::Deadlines;
use mcpg_single_node::SingleNode;
use serde_json::json;

use crate::libraries::fixture;

const ROUNDS: usize = 21;
const CALLS: u32 = 4000;

/// Far below what a hand-over to another thread and back would add to every call.
const A_HOP: Duration = Duration::from_micros(10);

#[tokio::test]
async fn a_get_through_the_library_makes_no_blocking_hop() {
    let direct = SingleNode::new();
    let config = json!({"deployment": "cost"});
    let through = fixture(Deadlines::default()).open(&config).await.unwrap();
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
    assert!(median.1 < median.0 + A_HOP, "{median:?}");
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
