//! A replica: its tasks can stand still for any time, or forever.

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use mcpg_cluster::{Clock, Connection, Coordinator};
use tokio::sync::{oneshot, watch};

use super::{SimCoordinator, World};

pub(super) struct ReplicaState {
    pub(super) name: String,
    pub(super) is_paused: bool,
    pub(super) is_crashed: bool,
    pub(super) is_cut: bool,
    pub(super) is_deaf: bool,
    pub(super) operations: u64,
    pub(super) fate_at: Option<(u64, ReplicaFate)>,
    pub(super) connection: watch::Sender<Connection>,
    pub(super) connections: u64,
    standing_still: Vec<Waker>,
}

/// What happens to a replica at one of its requests.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ReplicaFate {
    /// It dies with the request unsent.
    CrashBefore,
    /// It dies when the request was executed.
    CrashAfter,
    /// It stands still for so long once the request is sent.
    Pause(Duration),
}

impl ReplicaState {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            is_paused: false,
            is_crashed: false,
            is_cut: false,
            is_deaf: false,
            operations: 0,
            fate_at: None,
            connection: watch::Sender::new(Connection::Up(1)),
            connections: 1,
            standing_still: Vec::new(),
        }
    }

    fn runs(&self) -> bool {
        !self.is_paused && !self.is_crashed
    }
}

/// A handle to one replica of the world.
#[derive(Clone)]
pub(crate) struct Replica {
    world: World,
    index: usize,
    coordinator: Arc<SimCoordinator>,
    clock: Arc<dyn Clock>,
}

impl Replica {
    pub(super) fn new(
        world: World,
        index: usize,
        coordinator: Arc<SimCoordinator>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            world,
            index,
            coordinator,
            clock,
        }
    }

    /// Its number in patterns.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    pub(crate) fn coordinator(&self) -> Arc<dyn Coordinator> {
        Arc::<SimCoordinator>::clone(&self.coordinator)
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Runs work as this replica. `None` means that the replica died meanwhile.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (sender, result) = oneshot::channel();
        let replica = self.clone();
        let task = tokio::spawn(self.clone().while_it_runs(async move {
            let _ = sender.send(work.await);
        }));
        let crash = replica
            .world
            .until(|state| state.replicas[replica.index].is_crashed);
        tokio::select! {
            biased;
            result = result => match result {
                Ok(result) => Some(result),
                Err(_) => match task.await {
                    Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                    _ => None,
                },
            },
            () = crash => None,
        }
    }

    /// Starts work as this replica and does not wait for it.
    pub(crate) fn start<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<Option<T>> {
        let replica = self.clone();
        tokio::spawn(async move { replica.run(work).await })
    }

    /// Stands still: none of its code runs, nothing of it leaves, nothing reaches it.
    pub(crate) fn pause(&self) {
        self.change("paused", |state| state.is_paused = true);
    }

    /// Goes on; everything that has arrived meanwhile is there at once.
    pub(crate) fn resume(&self) {
        self.change("resumed", |state| state.is_paused = false);
    }

    /// Dies: none of its code ever runs again.
    pub(crate) fn crash(&self) {
        self.change("crashed", |state| state.is_crashed = true);
    }

    /// Lets something happen to it at its n-th request from now.
    pub(crate) fn at_operation(&self, number: u64, fate: ReplicaFate) {
        self.world.with(|state| {
            let replica = &mut state.replicas[self.index];
            replica.fate_at = Some((replica.operations + number, fate));
        });
    }

    /// Loses its way to the backend, which others still reach.
    pub(crate) fn cut(&self) {
        self.change("cut off", |state| state.is_cut = true);
        self.world.tell_connections();
    }

    /// Reaches the backend again.
    pub(crate) fn heal(&self) {
        self.change("healed", |state| state.is_cut = false);
        self.world.tell_connections();
    }

    /// How many requests it has sent.
    pub(crate) fn operations(&self) -> u64 {
        self.world.with(|state| state.replicas[self.index].operations)
    }

    /// Its watches show nothing for now, though everything else works.
    pub(crate) fn deafen(&self) {
        self.change("is deaf", |state| state.is_deaf = true);
    }

    /// Its watches go on.
    pub(crate) fn listen(&self) {
        self.change("listens", |state| state.is_deaf = false);
    }

    pub(crate) fn is_crashed(&self) -> bool {
        self.world.with(|state| state.replicas[self.index].is_crashed)
    }

    fn change(&self, what: &str, change: impl FnOnce(&mut ReplicaState)) {
        self.world.change(self.index, what, change);
    }

    /// Polls `work` only while this replica runs. What it spawns runs on, but all its requests and streams stand still.
    pub(crate) async fn while_it_runs<T>(self, work: impl Future<Output = T>) -> T {
        let mut work = Box::pin(work);
        poll_fn(move |context| {
            let runs = self.world.with(|state| {
                let replica = &mut state.replicas[self.index];
                if !replica.runs() {
                    replica.standing_still.push(context.waker().clone());
                }
                replica.runs()
            });
            if !runs {
                return Poll::Pending;
            }
            work.as_mut().poll(context)
        })
        .await
    }
}

impl World {
    pub(super) fn change(&self, replica: usize, what: &str, change: impl FnOnce(&mut ReplicaState)) {
        let wakers = self.with(|state| {
            state.note(Some(replica), what);
            let replica = &mut state.replicas[replica];
            change(replica);
            if replica.runs() {
                std::mem::take(&mut replica.standing_still)
            } else {
                Vec::new()
            }
        });
        wakers.into_iter().for_each(Waker::wake);
        self.flip();
    }

    /// Waits while a replica is paused, and forever once it is dead.
    pub(super) async fn gate(&self, replica: usize) {
        self.until(|state| !state.replicas[replica].is_paused).await;
        if self.with(|state| state.replicas[replica].is_crashed) {
            pending::<()>().await;
        }
    }
}
