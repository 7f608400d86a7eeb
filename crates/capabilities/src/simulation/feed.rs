//! Watches: ordered, but late, merged or replaced by a resync.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use fastrand::Rng;
use mcpg_cluster::{Error, ErrorKind, NamedEntry, Result, WatchEvent};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until};

use super::World;
use super::faults::{Faults, chance};
use super::store::Change;
use super::world::State;

/// All watches of the world, by number.
#[derive(Default)]
pub(super) struct Watchers {
    all: BTreeMap<u64, Watcher>,
    last: u64,
    unstarted: Vec<u64>,
}

struct Watcher {
    replica: usize,
    scope: Bytes,
    prefix: Bytes,
    sender: UnboundedSender<Result<WatchEvent>>,
    queue: VecDeque<(Instant, WatchEvent)>,
    /// What is delivered next instead of the queue.
    interruption: Option<Interruption>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interruption {
    Resync,
    Break,
}

impl Watchers {
    pub(super) fn add(
        &mut self,
        replica: usize,
        scope: Bytes,
        prefix: Bytes,
        snapshot: Vec<NamedEntry>,
    ) -> UnboundedReceiver<Result<WatchEvent>> {
        let (sender, receiver) = unbounded_channel();
        // The snapshot comes with the answer; only what follows has a way of its own.
        let _ = sender.send(Ok(WatchEvent::Snapshot(snapshot)));
        let watcher = Watcher {
            replica,
            scope,
            prefix,
            sender,
            queue: VecDeque::new(),
            interruption: None,
        };
        self.last += 1;
        self.all.insert(self.last, watcher);
        self.unstarted.push(self.last);
        receiver
    }

    pub(super) fn tell(&mut self, change: &Change, faults: &Faults, random: &mut Rng) {
        for watcher in self.all.values_mut() {
            if watcher.scope != change.key.scope || !change.key.name.starts_with(&watcher.prefix) {
                continue;
            }
            let earliest = watcher.queue.back().map_or_else(Instant::now, |(due, _)| *due);
            let due = (Instant::now() + faults.draw_delay(random)).max(earliest);
            if chance(random, faults.merge) {
                watcher
                    .queue
                    .retain(|(_, event)| name_of(event) != Some(&change.key.name));
            }
            watcher.queue.push_back((due, change.event.clone()));
            if chance(random, faults.resync) {
                watcher.interruption = Some(Interruption::Resync);
            }
        }
    }

    /// The connection of a replica was lost: its watches go on, start over, or have ended.
    pub(super) fn reconnected(&mut self, replica: usize, random: &mut Rng) {
        for watcher in self.all.values_mut().filter(|watcher| watcher.replica == replica) {
            let drawn = [None, Some(Interruption::Resync), Some(Interruption::Break)];
            let drawn = drawn[random.usize(0..drawn.len())];
            watcher.interruption = drawn.or(watcher.interruption);
        }
    }

    /// What waits is about data that is gone.
    pub(super) fn resync_all(&mut self) {
        for watcher in self.all.values_mut() {
            watcher.queue.clear();
            watcher.interruption = Some(Interruption::Resync);
        }
    }

    /// The watches of one replica start over.
    pub(super) fn resync(&mut self, replica: usize) {
        for watcher in self.all.values_mut().filter(|watcher| watcher.replica == replica) {
            watcher.interruption = Some(Interruption::Resync);
        }
    }
}

fn name_of(event: &WatchEvent) -> Option<&Bytes> {
    match event {
        WatchEvent::Put(named) => Some(&named.name),
        WatchEvent::Delete { name } => Some(name),
        WatchEvent::Snapshot(_) | WatchEvent::Resync(_) => None,
    }
}

impl Watcher {
    fn next(&self) -> Option<Instant> {
        if self.interruption.is_some() {
            return Some(Instant::now());
        }
        self.queue.front().map(|(due, _)| *due)
    }
}

/// Delivers what is due to one watch; `false` when the watch has ended.
fn deliver(state: &mut State, number: u64) -> bool {
    let Some(watcher) = state.watchers.all.get_mut(&number) else {
        return false;
    };
    let event = match watcher.interruption.take() {
        Some(Interruption::Resync) => {
            watcher.queue.clear();
            let now = Instant::now();
            Ok(WatchEvent::Resync(state.store.state(
                &watcher.scope,
                &watcher.prefix,
                now,
            )))
        }
        Some(Interruption::Break) => Err(Error::new(ErrorKind::Unavailable, "the connection was lost")),
        None => match watcher.queue.pop_front() {
            Some((_, event)) => Ok(event),
            None => return true,
        },
    };
    let ended = event.is_err();
    let gone = watcher.sender.send(event).is_err();
    if ended || gone {
        state.watchers.all.remove(&number);
    }
    !(ended || gone)
}

impl World {
    /// The watches of one replica yield a resync next.
    pub(crate) fn resync(&self, replica: usize) {
        self.with(|state| state.watchers.resync(replica));
        self.wrote();
    }

    pub(super) fn start_streams(&self) {
        let unstarted = self.with(|state| std::mem::take(&mut state.watchers.unstarted));
        for number in unstarted {
            tokio::spawn(self.clone().deliver_in_time(number));
        }
        self.start_subscribers();
    }

    async fn deliver_in_time(self, number: u64) {
        loop {
            let mut due = None;
            self.until_written(|state| {
                let watcher = state.watchers.all.get(&number);
                due = watcher.and_then(Watcher::next);
                watcher.is_none() || due.is_some()
            })
            .await;
            sleep_until(due.unwrap_or_else(Instant::now)).await;
            self.until(|state| {
                let replica = state.watchers.all.get(&number).map(|watcher| watcher.replica);
                replica.is_none_or(|replica| state.delivers_to(replica))
            })
            .await;
            if !self.with(|state| deliver(state, number)) {
                return;
            }
            // One event at a time: a reader may act between two of them.
            tokio::task::yield_now().await;
        }
    }
}
