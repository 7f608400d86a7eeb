//! Acknowledgements: they make a DELETE faster, never safer.

use std::collections::{BTreeSet, HashMap};
use std::pin::pin;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::owner::BootId;

/// Who has acknowledged the news that somebody waits for on this replica, by the news' names.
#[derive(Debug, Default)]
pub(super) struct Acks {
    waiting: Arc<Mutex<HashMap<String, Waiting>>>,
}

#[derive(Debug, Default)]
struct Waiting {
    acknowledged: Arc<Acknowledged>,
    waiters: usize,
}

/// The boots that have acknowledged one piece of news.
#[derive(Debug, Default)]
struct Acknowledged {
    boots: Mutex<BTreeSet<BootId>>,
    /// Wakes those who wait in the order in which they came, so that simulations can be repeated.
    changed: Notify,
}

/// One who waits for the acknowledgements of one piece of news.
#[derive(Debug)]
pub(super) struct Awaited {
    name: String,
    acknowledged: Arc<Acknowledged>,
    waiting: Arc<Mutex<HashMap<String, Waiting>>>,
}

impl Acks {
    /// Collects from now on the acknowledgements of the news called `name`.
    pub(super) fn wait_for(&self, name: &str) -> Awaited {
        let mut all = self.waiting.lock();
        let waiting = all.entry(name.to_owned()).or_default();
        waiting.waiters += 1;
        Awaited {
            name: name.to_owned(),
            acknowledged: Arc::clone(&waiting.acknowledged),
            waiting: Arc::clone(&self.waiting),
        }
    }

    /// `boot` has processed the news called `name`.
    pub(super) fn came(&self, name: &str, boot: BootId) {
        if let Some(waiting) = self.waiting.lock().get(name) {
            waiting.acknowledged.boots.lock().insert(boot);
            waiting.acknowledged.changed.notify_waiters();
        }
    }
}

impl Awaited {
    /// Waits until all of `boots` have acknowledged.
    pub(super) async fn all(&self, boots: &BTreeSet<BootId>) {
        loop {
            let mut changed = pin!(self.acknowledged.changed.notified());
            changed.as_mut().enable();
            if boots.is_subset(&self.acknowledged.boots.lock()) {
                return;
            }
            changed.await;
        }
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let mut all = self.waiting.lock();
        if let Some(waiting) = all.get_mut(&self.name) {
            waiting.waiters -= 1;
            if waiting.waiters == 0 {
                all.remove(&self.name);
            }
        }
    }
}
