//! The counters of the operations, and the meter of one.

use std::time::Instant;

use mcpg_cluster::{ErrorKind, Result};
use mcpg_metrics::table::{COORDINATOR_OPERATION_DURATION, COORDINATOR_OPERATIONS, RESULTS};
use mcpg_metrics::{Counters, Histograms};

/// An operation: the places of its primitive and its name in the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation(usize, usize);

impl Operation {
    pub(super) const GET: Self = Self(0, 0);
    pub(super) const PUT: Self = Self(0, 1);
    pub(super) const DELETE: Self = Self(0, 2);
    pub(super) const LIST: Self = Self(0, 3);
    pub(super) const TOUCH: Self = Self(0, 4);
    pub(super) const PUBLISH: Self = Self(1, 5);
    pub(super) const SUBSCRIBE: Self = Self(1, 6);
    pub(super) const ACQUIRE: Self = Self(2, 7);
    pub(super) const RENEW: Self = Self(2, 8);
    pub(super) const RELEASE: Self = Self(2, 9);
    pub(super) const HOLDER: Self = Self(2, 10);
    pub(super) const WATCH: Self = Self(3, 11);
    pub(super) const JOIN: Self = Self(4, 12);
    pub(super) const PEERS: Self = Self(4, 13);
    pub(super) const PEER_EVENTS: Self = Self(4, 14);
    pub(super) const LEAVE: Self = Self(4, 15);
}

/// The handles of all operations.
#[derive(Debug)]
pub(super) struct Operations {
    counts: Counters,
    durations: Histograms,
}

/// One operation on its way; counted when it is dropped, so that one that nobody waits for is counted too.
struct Running<'a> {
    operations: &'a Operations,
    operation: Operation,
    begun: Instant,
    result: usize,
}

impl Operations {
    pub(super) fn new() -> Self {
        Self {
            counts: Counters::new(&COORDINATOR_OPERATIONS),
            durations: Histograms::new(&COORDINATOR_OPERATION_DURATION),
        }
    }

    /// Counts `call`, whose result it hands on as it is.
    pub(super) async fn count<T>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let mut running = Running {
            operations: self,
            operation,
            begun: Instant::now(),
            result: RESULTS.len() - 1,
        };
        let result = call.await;
        running.result = place(result.as_ref().err().map(mcpg_cluster::Error::kind));
        result
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let Operation(primitive, operation) = self.operation;
        let Operations { counts, durations } = self.operations;
        counts.at([primitive, operation, self.result]).increment(1);
        durations.at([primitive, operation]).record(self.begun.elapsed());
    }
}

/// The place of a result in the table.
fn place(error: Option<ErrorKind>) -> usize {
    match error {
        None => 0,
        Some(ErrorKind::Conflict) => 1,
        Some(ErrorKind::NotHeld) => 2,
        Some(ErrorKind::Unavailable) => 3,
        Some(ErrorKind::Indeterminate) => 4,
        Some(ErrorKind::Invalid) => 5,
        Some(ErrorKind::TooLarge) => 6,
        Some(ErrorKind::Denied) => 7,
        Some(ErrorKind::Closed) => 8,
        // A kind that this release does not know is no better.
        Some(_) => 9,
    }
}

#[cfg(test)]
mod tests {
    use mcpg_metrics::table::{OPERATIONS, PRIMITIVES};

    use super::*;

    #[test]
    fn places_are_those_of_the_table() {
        for (operation, primitive, name) in [
            (Operation::GET, "key_value", "get"),
            (Operation::PUT, "key_value", "put"),
            (Operation::DELETE, "key_value", "delete"),
            (Operation::LIST, "key_value", "list"),
            (Operation::TOUCH, "key_value", "touch"),
            (Operation::PUBLISH, "pubsub", "publish"),
            (Operation::SUBSCRIBE, "pubsub", "subscribe"),
            (Operation::ACQUIRE, "lease", "acquire"),
            (Operation::RENEW, "lease", "renew"),
            (Operation::RELEASE, "lease", "release"),
            (Operation::HOLDER, "lease", "holder"),
            (Operation::WATCH, "watch", "watch"),
            (Operation::JOIN, "presence", "join"),
            (Operation::PEERS, "presence", "peers"),
            (Operation::PEER_EVENTS, "presence", "peer_events"),
            (Operation::LEAVE, "presence", "leave"),
        ] {
            assert_eq!(
                (PRIMITIVES[operation.0], OPERATIONS[operation.1]),
                (primitive, name)
            );
        }
        for kind in [
            ErrorKind::Conflict,
            ErrorKind::NotHeld,
            ErrorKind::Unavailable,
            ErrorKind::Indeterminate,
            ErrorKind::Invalid,
            ErrorKind::TooLarge,
            ErrorKind::Denied,
            ErrorKind::Closed,
            ErrorKind::Internal,
        ] {
            assert_eq!(RESULTS[place(Some(kind))], kind.as_str().replace(' ', "_"));
        }
        assert_eq!(RESULTS[place(None)], "ok");
    }
}
