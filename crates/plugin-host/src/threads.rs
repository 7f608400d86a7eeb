//! Threads for what may block: few, started when needed, gone when there is nothing to do.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How many threads a plugin can block for ever before its calls wait in vain.
const MOST: usize = 8;

const IDLE: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

/// The threads of one plugin.
#[derive(Clone, Default)]
pub(crate) struct Threads(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    idle: usize,
    alive: usize,
}

impl Threads {
    /// Runs a job as soon as there is a thread for it.
    pub(crate) fn run(&self, job: impl FnOnce() + Send + 'static) {
        let mut state = self.0.lock();
        state.jobs.push_back(Box::new(job));
        if state.jobs.len() <= state.idle || state.alive >= MOST {
            drop(state);
            self.0.arrived.notify_one();
            return;
        }
        let shared = Arc::clone(&self.0);
        let name = "mcpg-plugin-poll".to_owned();
        // Without a thread the job waits for one that is there, or its caller's deadline passes.
        if thread::Builder::new()
            .name(name)
            .spawn(move || shared.work())
            .is_ok()
        {
            state.alive += 1;
        }
    }
}

impl Shared {
    fn work(&self) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                job();
                state = self.lock();
                continue;
            }
            state.idle += 1;
            let waited = self.arrived.wait_timeout(state, IDLE);
            let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if timeout.timed_out() && state.jobs.is_empty() {
                state.alive -= 1;
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn blocked_threads_hold_up_nobody_until_all_are_blocked() {
        let threads = Threads::default();
        let (held, done) = (Arc::new(Mutex::new(())), mpsc::channel());
        let holding = held.lock().unwrap();
        for number in 0..MOST {
            let (held, sender) = (Arc::clone(&held), done.0.clone());
            threads.run(move || drop(held.lock().unwrap()));
            if number + 1 < MOST {
                threads.run(move || sender.send(number).unwrap());
                assert_eq!(done.1.recv_timeout(Duration::from_secs(30)), Ok(number));
            }
        }
        let sender = done.0.clone();
        threads.run(move || sender.send(MOST).unwrap());
        assert!(done.1.try_recv().is_err(), "there was one thread more");
        drop(holding);
        assert_eq!(done.1.recv_timeout(Duration::from_secs(30)), Ok(MOST));
        assert!(threads.0.lock().alive <= MOST);
    }
}
