//! What clients were told, and whether it fits together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::World;
use super::node::{IDLE, Node, VALIDITY};
use crate::sessions::SessionError;
use crate::testing::tester;

/// The clients' memory of all sessions.
#[derive(Clone)]
pub(crate) struct Ledger {
    world: World,
    sessions: Arc<Mutex<BTreeMap<String, Told>>>,
    /// Numbers what happens, because much of it happens at the same moment.
    order: Arc<AtomicU64>,
}

#[derive(Default)]
struct Told {
    /// When a DELETE was first sent; from then on the session may be gone.
    delete_sent: Option<Instant>,
    /// When a DELETE was first answered with success or 404.
    gone: Option<u64>,
    /// When a request was first told that there is no such session though nobody had deleted it.
    unknown: Option<Instant>,
    /// When the last request that was admitted had been sent.
    used: Option<Instant>,
    closed_with_success: usize,
    changes: BTreeSet<String>,
    refused_changes: BTreeSet<String>,
}

impl Ledger {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            sessions: Arc::default(),
            order: Arc::default(),
        }
    }

    /// A session was created.
    pub(crate) fn created(&self, session: &str) {
        self.with(session, |told| told.used = Some(Instant::now()));
    }

    /// Sends a request and judges its answer.
    pub(crate) async fn admit(&self, node: &Node, session: &str) {
        let sent = self.now();
        if let Some(answer) = node.admit(session).await {
            self.answered(node, session, sent, &answer);
        }
    }

    /// Sends a request that changes something and judges its answer.
    pub(crate) async fn change(&self, node: &Node, session: &str, mark: &str) {
        let sent = self.now();
        let Some(answer) = node.change(session, mark).await else {
            return;
        };
        self.answered(node, session, sent, &answer);
        self.with(session, |told| match answer {
            Ok(()) => drop(told.changes.insert(mark.to_owned())),
            Err(SessionError::Unknown | SessionError::Unavailable(_)) => {
                told.refused_changes.insert(mark.to_owned());
            }
            Err(_) => {}
        });
    }

    /// Sends a DELETE and judges its answer.
    pub(crate) async fn close(&self, node: &Node, session: &str) {
        self.with(session, |told| {
            told.delete_sent.get_or_insert(Instant::now());
        });
        let answer = node.close(session).await;
        let (_, now) = self.now();
        if let Some(Ok(()) | Err(SessionError::Unknown)) = answer {
            self.note(node, session, "is told that it is gone");
            self.with(session, |told| {
                told.gone.get_or_insert(now);
                told.closed_with_success += usize::from(matches!(answer, Some(Ok(()))));
            });
        }
    }

    fn answered(
        &self,
        node: &Node,
        session: &str,
        (sent, order): (Instant, u64),
        answer: &Result<(), SessionError>,
    ) {
        let now = Instant::now();
        let complaint = self.with(session, |told| match answer {
            Ok(()) => {
                told.used = told.used.max(Some(sent));
                if told.gone.is_some_and(|gone| gone < order) {
                    return Some("I5: a request sent after the DELETE was answered is admitted");
                }
                if told.unknown.is_some_and(|unknown| unknown + VALIDITY < sent) {
                    return Some("I5: a request sent one validity after a 404 is admitted");
                }
                None
            }
            Err(SessionError::Unknown) => {
                if told.delete_sent.is_none() {
                    told.unknown.get_or_insert(now);
                }
                // Clocks differ by a tenth, and so does what is left of a quarter of the idle timeout.
                let in_use = told.used.is_some_and(|used| now < used + IDLE * 9 / 10);
                let lives = told.delete_sent.is_none() && in_use;
                lives.then_some("I4: a living session in use is said to be unknown")
            }
            Err(SessionError::Broken(_)) => Some("a record is unusable"),
            Err(_) => None,
        });
        self.note(node, session, &format!("is answered {answer:?}"));
        if let Some(complaint) = complaint {
            self.world.violated(format!("{complaint} ({session})"));
        }
    }

    /// Compares what stands in a record at the end with what was said about the changes.
    pub(crate) async fn compare(&self, node: &Node, session: &str) {
        let sessions = Arc::clone(&node.sessions);
        let Ok(admitted) = sessions.admit(&tester(), session).await else {
            return;
        };
        let Ok(record) = sessions.current(&admitted.id).await else {
            return;
        };
        let complaint = self.with(session, |told| {
            let lost = told
                .changes
                .iter()
                .find(|mark| !record.upstreams.contains_key(*mark));
            let undead = told
                .refused_changes
                .iter()
                .find(|mark| record.upstreams.contains_key(*mark));
            match (lost, undead) {
                (Some(mark), _) => Some(format!("I2: the change {mark} was acknowledged and is lost")),
                (_, Some(mark)) => Some(format!("I2: the change {mark} was refused and was made")),
                _ => None,
            }
        });
        if let Some(complaint) = complaint {
            self.world.violated(complaint);
        }
    }

    /// Whether more than one DELETE of a session was told that it was the one.
    pub(crate) fn check_closes(&self) {
        for (session, told) in &*self.sessions.lock() {
            if told.closed_with_success > 1 {
                self.world.violated(format!("two DELETEs of {session} succeeded"));
            }
        }
    }

    fn now(&self) -> (Instant, u64) {
        (Instant::now(), self.order.fetch_add(1, Ordering::Relaxed))
    }

    fn with<T>(&self, session: &str, look: impl FnOnce(&mut Told) -> T) -> T {
        look(self.sessions.lock().entry(session.to_owned()).or_default())
    }

    fn note(&self, node: &Node, session: &str, what: &str) {
        self.world
            .note(Some(node.replica.index()), &format!("session {session} {what}"));
    }
}
