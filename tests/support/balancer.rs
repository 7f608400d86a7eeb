//! An HTTP/1.1 balancer in the test's own process. It spreads requests, not connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::balancer_forward::forward;
use super::balancer_health;
pub(crate) use super::balancer_policy::Policy;
use super::balancer_state::Shared;
pub(crate) use super::balancer_state::{Outcome, Served};
use super::deadline::until_true;

/// What a balancer starts from: round robin, and the path that a gateway answers while it lives.
pub(crate) struct Setup {
    replicas: Vec<(SocketAddr, SocketAddr)>,
    policy: Policy,
    ready_path: String,
    probe_limit: Duration,
    probe_period: Duration,
}

/// A running balancer; replicas are counted from 0. It stops, with its connections, with its owner.
///
/// A replica takes part while it accepts connections and answers the ready path with a 2xx status.
/// A request whose connection was refused goes to the next replica, because nothing was sent; a
/// request that was sent is never sent again, its client's connection is cut instead.
pub(crate) struct Balancer {
    /// Where clients connect.
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl Setup {
    /// A balancer in front of these replicas.
    pub(crate) fn in_front_of(replicas: &[SocketAddr]) -> Self {
        Self {
            replicas: replicas.iter().map(|address| (*address, *address)).collect(),
            policy: Policy::round_robin(),
            ready_path: "/health".to_owned(),
            probe_limit: Duration::from_secs(2),
            probe_period: Duration::from_millis(50),
        }
    }

    /// Sets who gets which request.
    pub(crate) fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the path whose status tells whether a replica wants requests.
    pub(crate) fn ready_path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.ready_path);
        self
    }

    /// Sets other addresses than those of the requests at which the replicas tell whether they want any.
    pub(crate) fn ready_at(mut self, addresses: &[SocketAddr]) -> Self {
        assert_eq!(
            addresses.len(),
            self.replicas.len(),
            "one address for each replica"
        );
        for ((_, ready_at), address) in self.replicas.iter_mut().zip(addresses) {
            *ready_at = *address;
        }
        self
    }

    /// Sets after which time a silent replica counts as red, and an attempt to connect as refused.
    pub(crate) fn probe_limit(mut self, limit: Duration) -> Self {
        self.probe_limit = limit;
        self
    }

    /// Sets the pause between two looks at a replica.
    pub(crate) fn probe_period(mut self, period: Duration) -> Self {
        self.probe_period = period;
        self
    }

    /// Starts the balancer; every replica has been looked at once when this returns.
    pub(crate) async fn start(self) -> Balancer {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared::new(self.replicas, self.policy, self.probe_limit));
        let mut tasks = balancer_health::watch(&shared, &self.ready_path, self.probe_period).await;
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Balancer {
            address,
            shared,
            _tasks: tasks,
        }
    }
}

impl Balancer {
    /// Everything that arrived so far, in the order of arrival.
    pub(crate) fn served(&self) -> Vec<Served> {
        self.shared.served()
    }

    /// Which replica got each request so far; requests that no replica took are left out.
    pub(crate) fn order(&self) -> Vec<usize> {
        self.served().iter().filter_map(|served| served.replica).collect()
    }

    /// Sends the next requests to these replicas, one each, whatever the policy says.
    ///
    /// Such a request goes to its replica or, when that refuses it, nowhere. The policy does not
    /// count it.
    pub(crate) fn force(&self, replicas: &[usize]) {
        self.shared.force(replicas);
    }

    /// Follows a replica that was started again at another address; it is out until it is seen green.
    pub(crate) fn move_replica(&self, replica: usize, address: SocketAddr) {
        self.shared.move_replica(replica, address);
    }

    /// Waits until a replica takes part.
    pub(crate) async fn until_in(&self, replica: usize) {
        let what = format!("replica {replica} takes part");
        until_true(&what, async || self.shared.takes_part(replica)).await;
    }

    /// Waits until a replica is left out.
    pub(crate) async fn until_out(&self, replica: usize) {
        let what = format!("replica {replica} is left out");
        until_true(&what, async || !self.shared.takes_part(replica)).await;
    }

    /// Waits until the request with this index, in the order of arrival, has come to this.
    pub(crate) async fn until_outcome(&self, request: usize, outcome: Outcome) {
        let what = format!("{outcome:?} for request {request}");
        until_true(&what, async || {
            let served = self.served();
            served
                .get(request)
                .is_some_and(|served| served.outcome == outcome)
        })
        .await;
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // The connections end with this task.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, Arc::clone(&shared)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |request| forward(Arc::clone(&shared), request));
    // An error is a client that left or a replica that broke off; both are in the records. A client
    // that leaves ends the service's future, which is what aborts the request at the replica.
    let _ = http1::Builder::new()
        .half_close(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
