//! What waits to be written by one sink. Bounded by the memory that it takes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// A queue between the calls and the thread of a sink.
#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    /// How many bytes may wait or be promised a place.
    limit: usize,
}

#[derive(Debug)]
struct State<T> {
    /// Each with its size.
    waiting: VecDeque<(usize, T)>,
    /// What waits and what was promised a place, in bytes.
    taken: usize,
    lost: u64,
    is_failing: bool,
    reopen: bool,
    closed: bool,
}

/// A place that is kept free until it is filled or dropped.
#[derive(Debug)]
pub(super) struct Place<T> {
    queue: Arc<Queue<T>>,
    bytes: usize,
}

/// What the thread has to do.
#[derive(Debug)]
pub(super) struct Work<T> {
    pub(super) batch: Vec<T>,
    /// Whether the sink is to be opened again after the batch.
    pub(super) reopen: bool,
    /// Whether nothing more will come.
    pub(super) closed: bool,
}

impl<T> Queue<T> {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                taken: 0,
                lost: 0,
                is_failing: false,
                reopen: false,
                closed: false,
            }),
            changed: Condvar::new(),
            limit,
        })
    }

    /// Keeps a place free for something of that size; `None` while the queue is full or its sink fails.
    pub(super) fn reserve(self: &Arc<Self>, bytes: usize) -> Option<Place<T>> {
        let mut state = self.state.lock();
        if state.is_failing || !state.fits(bytes, self.limit) {
            return None;
        }
        state.taken += bytes;
        Some(Place {
            queue: Arc::clone(self),
            bytes,
        })
    }

    /// Adds something where there is room, and counts it as lost where there is none.
    pub(super) fn push(&self, item: T, bytes: usize) {
        let mut state = self.state.lock();
        if state.closed || !state.fits(bytes, self.limit) {
            state.lost += 1;
            return;
        }
        state.taken += bytes;
        state.waiting.push_back((bytes, item));
        drop(state);
        self.changed.notify_one();
    }

    /// Asks for the sink to be opened again.
    pub(super) fn reopen(&self) {
        self.state.lock().reopen = true;
        self.changed.notify_one();
    }

    /// Lets nothing more in.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_one();
    }

    /// Says whether the last attempt to write has failed.
    pub(super) fn set_failing(&self, is_failing: bool) {
        self.state.lock().is_failing = is_failing;
    }

    /// How many items were lost since the last time this was asked.
    pub(super) fn take_lost(&self) -> u64 {
        std::mem::take(&mut self.state.lock().lost)
    }

    /// Waits until there is something to do, and takes at most `most` bytes of it, or one item.
    pub(super) fn work(&self, most: usize) -> Work<T> {
        let mut state = self.state.lock();
        while state.waiting.is_empty() && !state.reopen && !state.closed {
            self.changed.wait(&mut state);
        }
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some((next, item)) = state
            .waiting
            .pop_front_if(|(next, _)| batch.is_empty() || bytes + *next <= most)
        {
            bytes += next;
            batch.push(item);
        }
        state.taken -= bytes;
        Work {
            batch,
            reopen: std::mem::take(&mut state.reopen),
            closed: state.closed && state.waiting.is_empty(),
        }
    }

    /// Waits before something that failed is tried again. Being asked to open the sink again, or to end, shortens it.
    /// Says whether nothing more will come.
    pub(super) fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut state = self.state.lock();
        let was_closed = state.closed;
        while !state.reopen && state.closed == was_closed {
            if self.changed.wait_until(&mut state, until).timed_out() {
                break;
            }
        }
        state.reopen = false;
        state.closed
    }
}

impl<T> State<T> {
    /// What is larger than the whole queue fits when it is alone.
    fn fits(&self, bytes: usize, limit: usize) -> bool {
        self.taken == 0 || self.taken + bytes <= limit
    }
}

impl<T> Place<T> {
    /// Puts an item of the promised size into its place.
    pub(super) fn fill(mut self, item: T) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut state = self.queue.state.lock();
        if state.closed {
            state.taken -= bytes;
            state.lost += 1;
            return;
        }
        state.waiting.push_back((bytes, item));
        drop(state);
        self.queue.changed.notify_one();
    }
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.queue.state.lock().taken -= self.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_full_queue_loses_and_counts_what_has_no_place() {
        let queue = Queue::new(10);
        for item in 0..4 {
            queue.push(item, 4);
        }
        assert_eq!(queue.work(100).batch, [0, 1]);
        assert_eq!((queue.take_lost(), queue.take_lost()), (2, 0));
        queue.push(4, 4);
        assert_eq!(queue.work(100).batch, [4]);
    }

    #[test]
    fn a_place_is_kept_until_it_is_filled_or_given_back() {
        let queue = Queue::new(10);
        let first = queue.reserve(5).unwrap();
        let second = queue.reserve(5).unwrap();
        assert!(queue.reserve(1).is_none(), "full of promises");
        drop(first);
        second.fill("second");
        let third = queue.reserve(5).unwrap();
        assert_eq!(queue.work(100).batch, ["second"]);
        third.fill("third");
        assert_eq!(queue.work(100).batch, ["third"]);
        assert_eq!(queue.take_lost(), 0);
    }

    #[test]
    fn nothing_begins_while_the_sink_fails() {
        let queue = Queue::new(10);
        let place = queue.reserve(1).unwrap();
        queue.set_failing(true);
        assert!(queue.reserve(1).is_none());
        // What had begun before is kept.
        place.fill(1);
        queue.push(2, 1);
        queue.set_failing(false);
        assert!(queue.reserve(1).is_some());
        assert_eq!(queue.work(100).batch, [1, 2]);
    }

    #[test]
    fn what_is_larger_than_the_queue_passes_alone_and_batches_are_bounded() {
        let queue = Queue::new(10);
        queue.push("large", 1000);
        queue.push("lost", 1);
        assert_eq!(queue.work(5).batch, ["large"]);
        for item in ["a", "b", "c"] {
            queue.push(item, 3);
        }
        assert_eq!(queue.work(6).batch, ["a", "b"]);
        queue.close();
        queue.push("too late", 1);
        let last = queue.work(6);
        assert_eq!((last.batch, last.closed), (vec!["c"], true));
        assert_eq!(queue.take_lost(), 2);
    }

    #[test]
    fn a_pause_is_cut_short_by_a_wish_to_open_again_and_not_by_items() {
        let queue = Queue::new(10);
        let waiting = Arc::clone(&queue);
        let pause = std::thread::spawn(move || waiting.pause(Duration::from_secs(3600)));
        queue.push(1, 1);
        queue.reopen();
        assert!(!pause.join().unwrap());
        // Who has to end tries at a pace all the same.
        queue.close();
        assert!(queue.pause(Duration::from_millis(1)));
    }
}
