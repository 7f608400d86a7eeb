//! Process groups, so that nothing of a program is left.
//!
//! A group keeps its number as long as it has a member or its leader is not reaped. So a leader is reaped last, and a
//! group that is about to lose its leader is forgotten first: a signal never reaches anybody else.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::Child;
use tokio::signal::unix::Signal as Signals;

/// All groups that run.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    leaders: HashSet<Pid>,
    /// No group may start any more.
    is_over: bool,
}

/// The process group of a program. Dropped before it was let go of, it is killed.
pub(crate) struct Group {
    groups: Arc<Groups>,
    leader: Pid,
    is_over: bool,
}

impl Groups {
    /// Kills every group that runs, and every one that is still to come.
    pub(crate) fn kill(&self) {
        let mut running = self.running.lock();
        running.is_over = true;
        for leader in &running.leaders {
            send(*leader, Signal::KILL);
        }
    }
}

impl Group {
    /// The group that a child leads.
    pub(crate) fn led_by(child: &Child, groups: &Arc<Groups>) -> io::Result<Self> {
        let number = child.id().and_then(|id| i32::try_from(id).ok());
        let leader = number
            .and_then(Pid::from_raw)
            .ok_or_else(|| io::Error::other("the program has no process id"))?;
        let mut running = groups.running.lock();
        running.leaders.insert(leader);
        if running.is_over {
            send(leader, Signal::KILL);
        }
        drop(running);
        Ok(Self {
            groups: Arc::clone(groups),
            leader,
            is_over: false,
        })
    }

    pub(crate) fn leader(&self) -> Pid {
        self.leader
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(self.leader, signal);
    }

    /// Forgets the group: from here on its number may come to belong to somebody else.
    pub(crate) fn let_go(&mut self) {
        self.groups.running.lock().leaders.remove(&self.leader);
        self.is_over = true;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.is_over {
            self.signal(Signal::KILL);
            self.let_go();
        }
    }
}

fn send(leader: Pid, signal: Signal) {
    // A group without members needs no signal any more.
    let _ = kill_process_group(leader, signal);
}

/// Waits until a child has exited, and leaves it to be reaped. `signals` are those about children.
pub(crate) async fn exited(signals: &mut Signals, child: Pid) -> io::Result<()> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    loop {
        match waitid(WaitId::Pid(child), options) {
            Ok(Some(_)) => return Ok(()),
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        signals.recv().await;
    }
}
