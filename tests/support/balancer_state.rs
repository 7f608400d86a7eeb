//! What a balancer knows: its replicas, who takes part, and what became of every request.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};

use super::balancer_policy::Policy;

/// One request, as the balancer saw it.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    /// The method.
    pub(crate) method: Method,
    /// The path with its query.
    pub(crate) path: String,
    /// The headers as they came from the client.
    pub(crate) headers: HeaderMap,
    /// The replicas that refused the connection for this request, so that nothing was sent to them.
    pub(crate) refused_by: Vec<usize>,
    /// The replica that the request was sent to.
    pub(crate) replica: Option<usize>,
    /// What has become of it.
    pub(crate) outcome: Outcome,
}

/// What has become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There is no head of an answer yet.
    Waiting,
    /// The head of the answer went to the client, its body is on the way.
    Streaming(StatusCode),
    /// The whole answer came from the replica.
    Complete(StatusCode),
    /// The replica broke off (or the client did, in the middle of its upload), so the client's
    /// connection was cut.
    Cut,
    /// The client left before the answer was complete, so the connection to the replica was cut.
    ClientGone,
    /// No replica took it.
    NoReplica,
}

/// The state of a balancer, shared by its tasks.
pub(super) struct Shared {
    /// For how long a replica may be silent to a probe or to an attempt to connect.
    pub(super) probe_limit: Duration,
    state: Mutex<State>,
}

/// The record of one request in the making. What has no outcome when it is dropped was given up by
/// its client.
pub(super) struct Ticket {
    shared: Arc<Shared>,
    number: usize,
    forced: Option<usize>,
}

struct State {
    policy: Policy,
    replicas: Vec<Replica>,
    forced: VecDeque<usize>,
    served: Vec<Served>,
}

struct Replica {
    address: SocketAddr,
    /// Where it tells whether it wants requests.
    ready_at: SocketAddr,
    takes_part: bool,
}

impl Shared {
    /// The addresses are pairs: where requests go, and where a replica tells whether it wants them.
    pub(super) fn new(
        addresses: Vec<(SocketAddr, SocketAddr)>,
        policy: Policy,
        probe_limit: Duration,
    ) -> Self {
        let replicas = addresses.into_iter().map(|(address, ready_at)| Replica {
            address,
            ready_at,
            takes_part: false,
        });
        Self {
            probe_limit,
            state: Mutex::new(State {
                policy,
                replicas: replicas.collect(),
                forced: VecDeque::new(),
                served: Vec::new(),
            }),
        }
    }

    pub(super) fn replica_count(&self) -> usize {
        self.lock().replicas.len()
    }

    pub(super) fn address(&self, replica: usize) -> SocketAddr {
        self.lock().replicas[replica].address
    }

    pub(super) fn ready_at(&self, replica: usize) -> SocketAddr {
        self.lock().replicas[replica].ready_at
    }

    pub(super) fn takes_part(&self, replica: usize) -> bool {
        self.lock().replicas[replica].takes_part
    }

    /// Notes what a look at `address` said, unless the replica has moved in the meantime.
    pub(super) fn seen(&self, replica: usize, address: SocketAddr, green: bool) {
        let replica = &mut self.lock().replicas[replica];
        if replica.address == address {
            replica.takes_part = green;
        }
    }

    pub(super) fn move_replica(&self, replica: usize, address: SocketAddr) {
        self.lock().replicas[replica] = Replica {
            address,
            ready_at: address,
            takes_part: false,
        };
    }

    pub(super) fn force(&self, replicas: &[usize]) {
        let mut state = self.lock();
        let count = state.replicas.len();
        assert!(
            replicas.iter().all(|replica| *replica < count),
            "no such replica: {replicas:?}"
        );
        state.forced.extend(replicas);
    }

    pub(super) fn served(&self) -> Vec<Served> {
        self.lock().served.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics inside the lock")
    }
}

impl Ticket {
    /// Records a request that just arrived.
    pub(super) fn new(shared: Arc<Shared>, head: &Parts) -> Self {
        let mut state = shared.lock();
        state.served.push(Served {
            method: head.method.clone(),
            path: path(head),
            headers: head.headers.clone(),
            refused_by: Vec::new(),
            replica: None,
            outcome: Outcome::Waiting,
        });
        let number = state.served.len() - 1;
        let forced = state.forced.pop_front();
        drop(state);
        Self {
            shared,
            number,
            forced,
        }
    }

    /// The replica to try next; `None` when all that may be tried have refused.
    pub(super) fn choose(&self) -> Option<usize> {
        let mut state = self.shared.lock();
        let State {
            policy,
            replicas,
            served,
            ..
        } = &mut *state;
        let tried = &served[self.number].refused_by;
        if let Some(forced) = self.forced {
            return (!tried.contains(&forced)).then_some(forced);
        }
        let available: Vec<bool> = replicas
            .iter()
            .enumerate()
            .map(|(at, replica)| replica.takes_part && !tried.contains(&at))
            .collect();
        policy.next(&available)
    }

    pub(super) fn refused(&self, replica: usize) {
        self.shared.lock().served[self.number].refused_by.push(replica);
    }

    pub(super) fn sent_to(&self, replica: usize) {
        self.shared.lock().served[self.number].replica = Some(replica);
    }

    /// Notes an outcome; one that is final stays.
    pub(super) fn note(&self, outcome: Outcome) {
        let known = &mut self.shared.lock().served[self.number].outcome;
        if matches!(known, Outcome::Waiting | Outcome::Streaming(_)) {
            *known = outcome;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.note(Outcome::ClientGone);
    }
}

/// The path of a request with its query, which is all that a replica needs of the target.
pub(super) fn path(head: &Parts) -> String {
    let target = head.uri.path_and_query();
    target.map_or_else(|| "/".to_owned(), ToString::to_string)
}
