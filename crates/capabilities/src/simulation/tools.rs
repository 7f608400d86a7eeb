//! What scenarios use of the world: chance, counters, the history and complaints.

use std::time::Duration;

use bytes::Bytes;
use mcpg_cluster::Key;
use tokio::time::{Instant, sleep};

use super::faults::chance;
use super::replica::ReplicaFate;
use super::{Violation, World};

impl World {
    /// A number of this run's randomness.
    pub(crate) fn draw(&self, range: std::ops::Range<u64>) -> u64 {
        self.with(|state| state.random.u64(range))
    }

    /// Something that happens with this chance in thousandths.
    pub(crate) fn chance(&self, thousandths: u32) -> bool {
        self.with(|state| chance(&mut state.random, thousandths))
    }

    /// Lets a random time pass.
    pub(crate) async fn pass(&self, range: std::ops::Range<u64>) {
        sleep(Duration::from_millis(self.draw(range))).await;
    }

    /// How often a key, written as `scope|name`, was put since the data was last lost.
    pub(crate) fn puts_of(&self, key: &str) -> usize {
        self.with(|state| {
            let puts = state.store.puts.iter();
            puts.filter(|(put, _)| put.to_string() == key)
                .map(|(_, count)| count)
                .sum()
        })
    }

    /// Counts something that happens.
    pub(crate) fn book(&self, what: &str) {
        self.with(|state| *state.book.entry(what.to_owned()).or_default() += 1);
    }

    /// How often something happened.
    pub(crate) fn booked(&self, what: &str) -> usize {
        self.with(|state| state.book.get(what).copied().unwrap_or(0))
    }

    /// What was counted more than once.
    pub(crate) fn booked_more_than_once(&self) -> Option<String> {
        self.with(|state| {
            let mut twice = state.book.iter().filter(|(_, count)| **count > 1);
            twice.next().map(|(what, _)| what.clone())
        })
    }

    /// Whether a key is there now.
    pub(crate) fn stands(&self, key: &Key) -> bool {
        self.with(|state| state.store.get(key, Instant::now()).is_some())
    }

    /// How old reads may be here.
    pub(crate) fn stale_reads(&self) -> Duration {
        self.with(|state| state.faults.stale_reads)
    }

    /// The value of a key now.
    pub(crate) fn value(&self, key: &Key) -> Option<Bytes> {
        let entry = self.with(|state| state.store.get(key, Instant::now()));
        entry.map(|entry| entry.value)
    }

    /// Loses what stands under a key, which no backend may do.
    pub(crate) fn lose(&self, key: &Key) {
        self.note(None, &format!("{key} is lost"));
        self.with(|state| state.store.lose(key));
    }

    /// The names of what stands in a scope.
    pub(crate) fn keys_in(&self, scope: &str) -> Vec<Key> {
        let scope = scope.as_bytes().to_vec();
        let state = self.with(|state| state.store.state(&scope, b"", Instant::now()));
        let named = state.into_iter();
        named.map(|named| Key::new(scope.clone(), named.name)).collect()
    }

    /// One of the two ways to die at a request.
    pub(crate) fn draw_crash(&self) -> ReplicaFate {
        if self.chance(500) {
            ReplicaFate::CrashBefore
        } else {
            ReplicaFate::CrashAfter
        }
    }

    /// Writes a line into the history.
    pub(crate) fn note(&self, who: Option<usize>, what: &str) {
        self.with(|state| state.note(who, what));
    }

    /// Says that an invariant is broken; the run fails with the first one.
    pub(crate) fn violated(&self, what: impl Into<String>) {
        let what = what.into();
        self.with(|state| {
            state.note(None, &format!("VIOLATED {what}"));
            state.violation.get_or_insert(Violation(what));
        });
        self.flip();
    }

    /// Waits until an invariant is broken.
    pub(super) async fn until_violated(&self) {
        self.until(|state| state.violation.is_some()).await;
    }

    pub(super) fn violation(&self) -> Option<Violation> {
        self.with(|state| state.violation.clone())
    }

    pub(super) fn history(&self) -> (u64, String) {
        self.with(|state| (state.trace.hash(), state.trace.shown()))
    }
}
