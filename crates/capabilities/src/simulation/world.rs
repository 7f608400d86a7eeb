//! The world of one run.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use mcpg_cluster::Connection;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::faults::Faults;
use super::feed::Watchers;
use super::pubsub::Subscribers;
use super::replica::{Replica, ReplicaState};
use super::schedule::{Fate, Hold, Pattern, Rule};
use super::store::Store;
use super::trace::Trace;
use super::{SimCoordinator, Violation};

/// One backend, its replicas and the network between them. Clones are the same world.
#[derive(Clone)]
pub(crate) struct World {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Tells that somebody may go on: a replica was resumed, the backend is reachable again. A `watch` channel would
    /// wake its receivers in an order that no seed decides.
    flips: Notify,
    /// Tells of each write: entries may expire at another time, watchers may have something to deliver.
    writes: Notify,
}

pub(super) struct State {
    pub(super) random: Rng,
    pub(super) faults: Faults,
    pub(super) store: Store,
    pub(super) watchers: Watchers,
    pub(super) subscribers: Subscribers,
    pub(super) replicas: Vec<ReplicaState>,
    pub(super) rules: Vec<Rule>,
    pub(super) is_out: bool,
    pub(super) is_stopped: bool,
    start: Instant,
    pub(super) trace: Trace,
    /// How often something happened that a scenario counts.
    pub(super) book: BTreeMap<String, usize>,
    pub(super) violation: Option<Violation>,
}

impl State {
    pub(super) fn note(&mut self, who: Option<usize>, what: &str) {
        let millis = self.start.elapsed().as_millis();
        let who = who.map_or("world", |index| self.replicas[index].name.as_str());
        let line = format!("{millis:>8} {who}: {what}");
        self.trace.note(line);
    }

    /// What a replica does not take stays with the backend, which may merge it.
    pub(super) fn delivers_to(&self, replica: usize) -> bool {
        let state = &self.replicas[replica];
        !self.is_stopped && self.is_reachable(replica) && !state.is_paused && !state.is_deaf
    }

    pub(super) fn is_reachable(&self, replica: usize) -> bool {
        !self.is_out && !self.replicas[replica].is_cut
    }
}

impl World {
    pub(super) fn new(seed: u64, faults: Faults, keeps_trace: bool) -> Self {
        let mut random = Rng::with_seed(seed);
        let mut store = Store::default();
        store.keeps_past = faults.stale_reads;
        let drawn = random.bool();
        store.touch_is_write = faults.touches_write.unwrap_or(drawn);
        let state = State {
            random,
            faults,
            store,
            watchers: Watchers::default(),
            subscribers: Subscribers::default(),
            replicas: Vec::new(),
            rules: Vec::new(),
            is_out: false,
            is_stopped: false,
            start: Instant::now(),
            trace: Trace::new(keeps_trace),
            book: BTreeMap::new(),
            violation: None,
        };
        let world = Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                flips: Notify::new(),
                writes: Notify::new(),
            }),
        };
        tokio::spawn(world.clone().expire_in_time());
        world
    }

    pub(super) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.shared.state.lock())
    }

    /// Adds a replica: its name is shown in traces, its number is the order of adding.
    pub(crate) fn replica(&self, name: &str) -> Replica {
        let (index, clock) = self.with(|state| {
            let offset = Duration::from_secs(state.random.u64(0..1_000_000));
            let clock = super::DriftingClock::new(offset, state.random.u32(900..=1_100));
            state.replicas.push(ReplicaState::new(name));
            (state.replicas.len() - 1, clock)
        });
        let coordinator = Arc::new(SimCoordinator::new(self.clone(), index, name));
        Replica::new(self.clone(), index, coordinator, Arc::new(clock))
    }

    /// From now on the network is like this.
    pub(crate) fn set_faults(&self, faults: Faults) {
        self.with(|state| {
            state.store.keeps_past = faults.stale_reads;
            state.faults = faults;
        });
    }

    /// Lets a fate happen to the first request that fits the pattern.
    pub(crate) fn on(&self, pattern: Pattern, fate: Fate) {
        self.with(|state| state.rules.push(Rule { pattern, fate }));
    }

    /// Holds the first request that fits before it is executed.
    pub(crate) fn hold(&self, pattern: Pattern) -> Hold {
        let hold = Hold::new();
        self.on(pattern, Fate::HoldRequest(hold.clone()));
        hold
    }

    /// The backend cannot be reached by anybody: what is on its way is lost.
    pub(crate) fn outage(&self) {
        self.with(|state| {
            state.note(None, "outage");
            state.is_out = true;
        });
        self.tell_connections();
    }

    /// The outage is over.
    pub(crate) fn recover(&self) {
        self.with(|state| {
            state.note(None, "reachable again");
            state.is_out = false;
        });
        self.tell_connections();
    }

    /// The backend stands still: nothing is lost, nothing is answered.
    pub(crate) fn stop(&self) {
        self.with(|state| {
            state.note(None, "stopped");
            state.is_stopped = true;
        });
    }

    /// The backend goes on with everything that has arrived meanwhile.
    pub(crate) fn go_on(&self) {
        self.with(|state| {
            state.note(None, "goes on");
            state.is_stopped = false;
        });
        self.flip();
    }

    /// The backend restarts without its data, which everybody notices as a lost connection.
    pub(crate) fn lose_everything(&self) {
        self.with(|state| {
            state.note(None, "all data lost");
            state.store.lose_everything();
            state.watchers.resync_all();
            state.is_out = true;
        });
        self.connections_are_noticed();
        self.recover();
    }

    pub(super) fn flip(&self) {
        self.shared.flips.notify_waiters();
    }

    pub(super) fn wrote(&self) {
        self.shared.writes.notify_waiters();
    }

    /// Waits until `holds`, looking again at each flip.
    pub(super) async fn until(&self, holds: impl FnMut(&mut State) -> bool) {
        self.look_at_each(&self.shared.flips, holds).await;
    }

    /// Waits until `holds`, looking again at each write.
    pub(super) async fn until_written(&self, holds: impl FnMut(&mut State) -> bool) {
        self.look_at_each(&self.shared.writes, holds).await;
    }

    async fn look_at_each(&self, changes: &Notify, mut holds: impl FnMut(&mut State) -> bool) {
        loop {
            let mut changed = pin!(changes.notified());
            changed.as_mut().enable();
            if self.with(&mut holds) {
                return;
            }
            changed.await;
        }
    }

    /// Lets every replica notice, a little later, whether it is connected.
    pub(super) fn tell_connections(&self) {
        self.flip();
        let noticed = self.with(|state| state.faults.draw_delay(&mut state.random));
        let world = self.clone();
        tokio::spawn(async move {
            sleep(noticed).await;
            world.connections_are_noticed();
        });
    }

    fn connections_are_noticed(&self) {
        self.with(|state| {
            for index in 0..state.replicas.len() {
                let up = state.is_reachable(index);
                let replica = &mut state.replicas[index];
                let was_up = matches!(*replica.connection.borrow(), Connection::Up(_));
                if up != was_up {
                    replica.connections += u64::from(up);
                    let now = if up {
                        Connection::Up(replica.connections)
                    } else {
                        Connection::Down
                    };
                    replica.connection.send_replace(now);
                }
                if up && !was_up {
                    let State { random, watchers, .. } = state;
                    watchers.reconnected(index, random);
                }
            }
        });
        self.wrote();
    }

    async fn expire_in_time(self) {
        loop {
            let mut written = pin!(self.shared.writes.notified());
            written.as_mut().enable();
            let next = self.with(|state| {
                state.store.expire();
                state.store.next_expiry()
            });
            if self.feed() {
                self.wrote();
            }
            let next = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(3_600));
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(next) => {}
                () = written => {}
            }
        }
    }

    /// Gives watchers what has changed since the last time, and says whether that is anything.
    pub(super) fn feed(&self) -> bool {
        self.with(|state| {
            let changes = state.store.take_changes();
            let any = !changes.is_empty();
            let State {
                watchers,
                faults,
                random,
                ..
            } = state;
            for change in changes {
                watchers.tell(&change, faults, random);
            }
            any
        })
    }
}
