//! Whether this replica wants requests, and what there is to say about it.

mod health;
mod outage;
mod reason;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use mcpg_config::app::ReadinessMode;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;

pub(crate) use self::health::{Health, IsFailing};
pub(crate) use self::reason::Reason;

/// The reasons that hold now. Clones share them.
#[derive(Clone)]
pub(crate) struct Readiness(Arc<Shared>);

struct Shared {
    mode: ReadinessMode,
    identity: OnceLock<Identity>,
    reasons: Mutex<BTreeMap<Reason, Instant>>,
}

/// Who it is that wants requests or not.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The node id.
    pub(crate) node: String,
    /// The kind of the coordinator.
    pub(crate) coordinator: String,
}

impl Readiness {
    /// The readiness of a replica that starts: it is not ready.
    pub(crate) fn starting(mode: ReadinessMode) -> Self {
        Self(Arc::new(Shared {
            mode,
            identity: OnceLock::new(),
            reasons: Mutex::new(BTreeMap::from([(Reason::Starting, Instant::now())])),
        }))
    }

    /// Says who this replica is, which is known as soon as there is a coordinator.
    pub(crate) fn introduce(&self, identity: Identity) {
        // It is said once.
        let _ = self.0.identity.set(identity);
    }

    /// Lets a reason hold from now on.
    pub(crate) fn add(&self, reason: Reason) {
        self.0.reasons.lock().entry(reason).or_insert_with(Instant::now);
    }

    /// Lets a reason hold no longer.
    pub(crate) fn remove(&self, reason: Reason) {
        self.0.reasons.lock().remove(&reason);
    }

    /// Lets a reason hold or not.
    pub(crate) fn set(&self, reason: Reason, holds: bool) {
        if holds {
            self.add(reason);
        } else {
            self.remove(reason);
        }
    }

    /// Whether this replica wants requests.
    pub(crate) fn is_ready(&self) -> bool {
        !self.0.reasons.lock().keys().any(|reason| reason.turns_away())
    }

    pub(crate) fn mode(&self) -> ReadinessMode {
        self.0.mode
    }

    /// All that holds now, for a person or a program.
    pub(crate) fn report(&self) -> Value {
        let identity = self.0.identity.get();
        json!({
            "ready": self.is_ready(),
            "readiness": self.0.mode.as_str(),
            "node": identity.map(|identity| &identity.node),
            "coordinator": identity.map(|identity| &identity.coordinator),
            "reasons": self.reasons(),
        })
    }

    /// The reasons that hold now.
    pub(crate) fn reasons(&self) -> Vec<Value> {
        let kind = self.0.identity.get().map_or("", |identity| &identity.coordinator);
        let reasons = self.0.reasons.lock();
        let told = reasons.iter().map(|(reason, since)| {
            let words = reason.words(kind);
            json!({
                "code": reason.code(),
                "turns_away": reason.turns_away(),
                "since_sec": since.elapsed().as_secs(),
                "message": words.message,
                "affects": words.affects,
                "remedy": words.remedy,
            })
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_reason_holds_on_its_own() {
        let readiness = Readiness::starting(ReadinessMode::Standard);
        assert!(!readiness.is_ready());
        readiness.add(Reason::CoordinatorAway);
        readiness.remove(Reason::Starting);
        assert!(readiness.is_ready());
        readiness.add(Reason::Broken);
        let same = readiness.clone();
        same.add(Reason::Stopping);
        drop(same);
        readiness.remove(Reason::Broken);
        assert!(!readiness.is_ready());
        readiness.remove(Reason::Stopping);
        assert!(readiness.is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn the_report_says_who_what_since_when_and_what_to_do() {
        let readiness = Readiness::starting(ReadinessMode::Strict);
        assert_eq!(readiness.report()["node"], Value::Null);
        readiness.introduce(Identity {
            node: "a".to_owned(),
            coordinator: "redis".to_owned(),
        });
        readiness.remove(Reason::Starting);
        readiness.add(Reason::CoordinatorAway);
        tokio::time::advance(Duration::from_secs(7)).await;
        // Told again, it still holds from its beginning.
        readiness.add(Reason::CoordinatorAway);
        let expected = json!({
            "ready": true,
            "readiness": "strict",
            "node": "a",
            "coordinator": "redis",
            "reasons": [{
                "code": "coordinator_away",
                "turns_away": false,
                "since_sec": 7,
                "message": "the coordinator redis does not answer",
                "affects": "requests that need shared state: they get 503 with Retry-After, at every replica that does not reach it",
                "remedy": "check that the backend runs and that this machine reaches it; nothing has to be restarted afterwards",
            }],
        });
        assert_eq!(readiness.report(), expected);
    }
}
