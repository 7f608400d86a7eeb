//! Where a plugin's futures are polled: on the thread that calls, once the plugin has shown that it does not block.
//!
//! No deadline can interrupt a poll, so one that blocks takes its thread with it. A plugin starts on threads of its own,
//! which costs every poll a hand-over; when enough polls in a row were quick, the calling thread does it. One slow poll,
//! and the plugin starts again. A plugin that begins to block later takes at most half of the caller's threads with it:
//! polls beyond that are handed over too.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use mcpg_plugin_abi::FfiFuture;
use rustix::time::{ClockId, Timespec, clock_gettime};
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};

use crate::bounded::Failure;
use crate::threads::Threads;

/// A poll that takes longer counts as one that blocks. Far above what computing takes, and above the clock's resolution.
const SLOW: Duration = Duration::from_millis(25);

/// Polls the futures of one plugin.
#[derive(Clone)]
pub(crate) struct Poller(Arc<Shared>);

struct Shared {
    /// How many polls in a row were quick.
    quick: AtomicU32,
    /// How many are asked for.
    probation: u32,
    /// How many polls are under way on the threads of callers.
    here: AtomicUsize,
    most_here: usize,
    threads: Threads,
}

impl Poller {
    /// `probation` is how many quick polls in a row a plugin has to show.
    pub(crate) fn new(probation: u32) -> Self {
        let workers = Handle::try_current().map_or(1, |handle| handle.metrics().num_workers());
        Self(Arc::new(Shared {
            quick: AtomicU32::new(0),
            probation,
            here: AtomicUsize::new(0),
            most_here: (workers / 2).max(1),
            threads: Threads::default(),
        }))
    }

    /// Polls on this thread if the plugin is trusted with it and enough other threads are free.
    pub(crate) async fn first<T>(&self, answer: &mut FfiFuture<T>) -> First<T> {
        poll_fn(|context| {
            Poll::Ready(match self.poll_here(answer, context) {
                None => First::Elsewhere,
                Some(Poll::Pending) => First::Pending,
                Some(Poll::Ready(done)) => First::Ready(done),
            })
        })
        .await
    }

    /// Polls until there is an answer; `polled` says that somebody did already and that a wake-up comes first.
    pub(crate) async fn drive<T: Send + 'static>(
        &self,
        mut answer: FfiFuture<T>,
        polled: bool,
    ) -> Result<T, Failure> {
        if polled {
            once_woken().await;
        }
        loop {
            match self.first(&mut answer).await {
                First::Ready(done) => return done,
                First::Pending => once_woken().await,
                First::Elsewhere => match self.poll_elsewhere(answer).await {
                    Step::Done(done) => return done,
                    Step::Pending(back, signal) => {
                        signal.0.notified().await;
                        answer = back;
                    }
                },
            }
        }
    }

    fn poll_here<T>(
        &self,
        answer: &mut FfiFuture<T>,
        context: &mut Context<'_>,
    ) -> Option<Poll<Result<T, Failure>>> {
        let shared = &*self.0;
        if shared.quick.load(Ordering::Relaxed) < shared.probation {
            return None;
        }
        if shared.here.fetch_add(1, Ordering::Relaxed) >= shared.most_here {
            shared.here.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let began = now();
        let polled = poll(answer, context);
        if slow(began) {
            shared.quick.store(0, Ordering::Relaxed);
        }
        shared.here.fetch_sub(1, Ordering::Relaxed);
        Some(polled)
    }

    /// Polls once on a thread of the plugin. Nobody who gives up waiting for it stops that poll.
    async fn poll_elsewhere<T: Send + 'static>(&self, mut answer: FfiFuture<T>) -> Step<T> {
        let signal = Arc::new(Signal::default());
        let waker = Waker::from(Arc::clone(&signal));
        let (sender, receiver) = oneshot::channel();
        let shared = Arc::clone(&self.0);
        self.0.threads.run(move || {
            // Whoever waited has given up, perhaps because all threads were blocked: the call was never begun.
            if sender.is_closed() {
                return;
            }
            let began = now();
            let polled = poll(&mut answer, &mut Context::from_waker(&waker));
            if slow(began) {
                shared.quick.store(0, Ordering::Relaxed);
            } else {
                shared.quick.fetch_add(1, Ordering::Relaxed);
            }
            let step = match polled {
                Poll::Ready(done) => Step::Done(done),
                Poll::Pending => Step::Pending(answer, signal),
            };
            drop(sender.send(step));
        });
        receiver.await.unwrap_or(Step::Done(Err(Failure::Panicked)))
    }
}

/// What came of trying on this thread.
pub(crate) enum First<T> {
    /// The plugin answered.
    Ready(Result<T, Failure>),
    /// It did not yet, and will wake this task.
    Pending,
    /// This thread must not try.
    Elsewhere,
}

enum Step<T> {
    Done(Result<T, Failure>),
    Pending(FfiFuture<T>, Arc<Signal>),
}

/// A wake-up that is kept until somebody asks for it.
#[derive(Default)]
struct Signal(Notify);

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

/// Waits for the next wake-up of this task.
async fn once_woken() {
    let mut waited = false;
    poll_fn(|_| {
        if std::mem::replace(&mut waited, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Polls once; the SDK catches every panic, a library without it may not.
fn poll<T>(answer: &mut FfiFuture<T>, context: &mut Context<'_>) -> Poll<Result<T, Failure>> {
    match catch_unwind(AssertUnwindSafe(|| Pin::new(answer).poll(context))) {
        Ok(polled) => polled.map(Ok),
        Err(_) => Poll::Ready(Err(Failure::Panicked)),
    }
}

/// A clock of a few milliseconds' resolution that costs a few nanoseconds.
fn now() -> Timespec {
    clock_gettime(ClockId::MonotonicCoarse)
}

fn slow(began: Timespec) -> bool {
    let nanoseconds = |time: Timespec| i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec);
    let took = nanoseconds(now()) - nanoseconds(began);
    took > i128::try_from(SLOW.as_nanos()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::thread::{self, ThreadId};

    use super::*;

    /// Where a future was polled that holds its thread for a while.
    async fn polled_on(poller: &Poller, held: Duration) -> ThreadId {
        let answer = FfiFuture::new(async move {
            // Nobody unparks it, so it is held for as long as it takes.
            thread::park_timeout(held);
            thread::current().id()
        });
        poller.drive(answer, false).await.unwrap()
    }

    #[tokio::test]
    async fn a_plugin_is_polled_here_when_it_was_quick_and_elsewhere_after_it_was_slow() {
        const PROBATION: u32 = 3;
        let poller = Poller::new(PROBATION);
        let here = thread::current().id();
        for _ in 0..2 {
            for _ in 0..PROBATION {
                assert_ne!(polled_on(&poller, Duration::ZERO).await, here);
            }
            assert_eq!(polled_on(&poller, Duration::ZERO).await, here);
            assert_eq!(polled_on(&poller, SLOW * 3).await, here);
        }
        assert_ne!(polled_on(&poller, SLOW * 3).await, here);
        assert_eq!(
            poller.0.quick.load(Ordering::Relaxed),
            0,
            "a slow poll elsewhere counts too"
        );
    }

    #[tokio::test]
    async fn polls_beyond_half_of_the_threads_are_handed_over() {
        let poller = Poller::new(0);
        let here = thread::current().id();
        poller.0.here.store(poller.0.most_here, Ordering::Relaxed);
        assert_ne!(polled_on(&poller, Duration::ZERO).await, here);
        poller.0.here.store(0, Ordering::Relaxed);
        assert_eq!(polled_on(&poller, Duration::ZERO).await, here);
        assert_eq!(poller.0.here.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_wake_up_during_the_poll_is_not_lost() {
        let poller = Poller::new(u32::MAX);
        let mut polls = 0;
        let answer = FfiFuture::new(poll_fn(move |context| {
            polls += 1;
            context.waker().wake_by_ref();
            if polls < 50 {
                Poll::Pending
            } else {
                Poll::Ready(polls)
            }
        }));
        let driven = tokio::time::timeout(Duration::from_secs(30), poller.drive(answer, false)).await;
        assert_eq!(driven.unwrap().unwrap(), 50);
    }

    #[tokio::test]
    async fn a_panic_across_the_border_is_noticed_wherever_it_happens() {
        for probation in [0, 1] {
            let answer: FfiFuture<()> = FfiFuture::new(async { panic!("asked to panic") });
            let failed = Poller::new(probation).drive(answer, false).await;
            assert!(matches!(failed, Err(Failure::Panicked)), "{failed:?}");
        }
    }
}
