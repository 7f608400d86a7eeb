//! Whether this replica wants requests, and what there is to say about it.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::StreamExt as _;
use mcpg_cluster::{Connection, ConnectionStream};
use serde_json::{Value, json};
use tokio::sync::watch;

/// What there is to say about a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// It does not serve yet.
    Starting,
    /// It was told to stop.
    Stopping,
    /// Something is wrong with this replica that need not be wrong with others.
    Broken,
    /// The coordinator is not reached. It stays ready: others reach it no better, and what needs no coordinator is served.
    CoordinatorAway,
}

impl Reason {
    fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Stopping => "stopping",
            Self::Broken => "broken",
            Self::CoordinatorAway => "coordinator away",
        }
    }

    /// Whether requests are better sent elsewhere.
    fn turns_away(self) -> bool {
        !matches!(self, Self::CoordinatorAway)
    }
}

/// The reasons that hold now. Clones share them.
#[derive(Clone)]
pub(crate) struct Readiness(Arc<watch::Sender<BTreeSet<Reason>>>);

impl Readiness {
    /// The readiness of a replica that starts: it is not ready.
    pub(crate) fn starting() -> Self {
        Self(Arc::new(watch::Sender::new(BTreeSet::from([Reason::Starting]))))
    }

    /// Lets a reason hold from now on.
    pub(crate) fn add(&self, reason: Reason) {
        self.0.send_if_modified(|reasons| reasons.insert(reason));
    }

    /// Lets a reason hold no longer.
    pub(crate) fn remove(&self, reason: Reason) {
        self.0.send_if_modified(|reasons| reasons.remove(&reason));
    }

    /// Whether this replica wants requests.
    pub(crate) fn is_ready(&self) -> bool {
        !self.0.borrow().iter().any(|reason| reason.turns_away())
    }

    /// All that holds now, for a person or a program.
    pub(crate) fn report(&self) -> Value {
        let reasons: Vec<&str> = self.0.borrow().iter().map(|reason| reason.word()).collect();
        json!({"ready": self.is_ready(), "reasons": reasons})
    }
}

/// Tells for as long as the coordinator is open whether it is reached.
pub(crate) async fn follow(mut connection: ConnectionStream, readiness: Readiness) {
    while let Some(state) = connection.next().await {
        match state {
            Connection::Up(_) => readiness.remove(Reason::CoordinatorAway),
            Connection::Down => readiness.add(Reason::CoordinatorAway),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[test]
    fn each_reason_holds_on_its_own() {
        let readiness = Readiness::starting();
        assert!(!readiness.is_ready());
        readiness.add(Reason::CoordinatorAway);
        readiness.remove(Reason::Starting);
        assert!(readiness.is_ready());
        let shown = json!({"ready": true, "reasons": ["coordinator away"]});
        assert_eq!(readiness.report(), shown);
        readiness.add(Reason::Broken);
        let same = readiness.clone();
        same.add(Reason::Stopping);
        drop(same);
        readiness.remove(Reason::Broken);
        assert!(!readiness.is_ready());
        readiness.remove(Reason::Stopping);
        assert!(readiness.is_ready());
    }

    #[tokio::test]
    async fn a_coordinator_that_is_away_is_told_but_turns_nobody_away() {
        let readiness = Readiness::starting();
        readiness.remove(Reason::Starting);
        for (states, away) in [
            (vec![Connection::Up(1), Connection::Down], true),
            (vec![Connection::Down, Connection::Up(2)], false),
        ] {
            follow(stream::iter(states).boxed(), readiness.clone()).await;
            assert_eq!(
                readiness.report()["reasons"].as_array().map(Vec::len),
                Some(usize::from(away))
            );
            assert!(readiness.is_ready());
        }
    }
}
