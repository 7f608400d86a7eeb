//! Which replicas of a balancer want requests: each is asked again and again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::Request;
use http::header::HOST;
use http_body_util::Empty;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::balancer_forward::exchange;
use super::balancer_state::Shared;

/// Looks at every replica once, then starts to watch them.
pub(super) async fn watch(shared: &Arc<Shared>, path: &str, period: Duration) -> JoinSet<()> {
    let replicas = 0..shared.replica_count();
    join_all(replicas.clone().map(|replica| look(shared, replica, path))).await;
    let mut tasks = JoinSet::new();
    for replica in replicas {
        let shared = Arc::clone(shared);
        let path = path.to_owned();
        tasks.spawn(async move {
            // The first look is already done.
            let mut ticks = interval_at(Instant::now() + period, period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                look(&shared, replica, &path).await;
            }
        });
    }
    tasks
}

async fn look(shared: &Shared, replica: usize, path: &str) {
    let address = shared.address(replica);
    let ready_at = shared.ready_at(replica);
    let answer = timeout(shared.probe_limit, probe(ready_at, path)).await;
    shared.seen(replica, address, answer.is_ok_and(|green| green.unwrap_or(false)));
}

/// Whether the replica answers with a 2xx status.
async fn probe(address: SocketAddr, path: &str) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    let request = Request::get(path)
        .header(HOST, address.to_string())
        .body(Empty::<Bytes>::new())?;
    let (answer, _line) = exchange(stream, request).await?;
    Ok(answer.status().is_success())
}
