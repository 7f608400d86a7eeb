//! What a fault proxy counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What has happened to a fault proxy so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Connections that were accepted.
    pub(crate) accepted: u64,
    /// Connections that are open now.
    pub(crate) open: u64,
    /// Connections that were closed by `cut`.
    pub(crate) cut: u64,
    /// Connections that were closed because the target refused the proxy.
    pub(crate) unreachable: u64,
    /// Bytes handed to the target.
    pub(crate) to_target: u64,
    /// Bytes handed to clients.
    pub(crate) to_client: u64,
    /// Bytes of both directions that vanished in a black hole.
    pub(crate) vanished: u64,
}

/// The counters while they count.
#[derive(Default)]
pub(super) struct Tally {
    accepted: AtomicU64,
    closed: AtomicU64,
    cut: AtomicU64,
    unreachable: AtomicU64,
    pub(super) to_target: AtomicU64,
    pub(super) to_client: AtomicU64,
    vanished: AtomicU64,
}

/// A connection that is open for as long as this lives.
pub(super) struct OpenConnection(Arc<Tally>);

impl Tally {
    pub(super) fn counters(&self) -> Counters {
        // Read before `accepted`, so that the difference is never negative.
        let closed = self.closed.load(Ordering::SeqCst);
        let accepted = self.accepted.load(Ordering::SeqCst);
        Counters {
            accepted,
            open: accepted - closed,
            cut: self.cut.load(Ordering::SeqCst),
            unreachable: self.unreachable.load(Ordering::SeqCst),
            to_target: self.to_target.load(Ordering::SeqCst),
            to_client: self.to_client.load(Ordering::SeqCst),
            vanished: self.vanished.load(Ordering::SeqCst),
        }
    }

    pub(super) fn accepted(self: &Arc<Self>) -> OpenConnection {
        add(&self.accepted, 1);
        OpenConnection(Arc::clone(self))
    }

    /// Counts the connections that are open now as cut.
    pub(super) fn cut(&self) {
        self.cut.fetch_add(self.counters().open, Ordering::SeqCst);
    }

    pub(super) fn unreachable(&self) {
        add(&self.unreachable, 1);
    }

    pub(super) fn vanished(&self, bytes: usize) {
        add(&self.vanished, bytes);
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        add(&self.0.closed, 1);
    }
}

pub(super) fn add(counter: &AtomicU64, count: usize) {
    let count = u64::try_from(count).expect("a count fits into 64 bits");
    counter.fetch_add(count, Ordering::SeqCst);
}
