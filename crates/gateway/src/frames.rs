//! The way of encoded events to the connection of a client.
//!
//! It never makes anybody wait: a client that takes its events more slowly than they come is cut off, and comes back for
//! what it has missed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// How many frames, and how many bytes of them, wait for a slow client. One that is larger waits alone.
const MOST_FRAMES: usize = 1000;
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// The end that speaks. The stream ends when it is dropped, after what waits already.
#[derive(Debug)]
pub(crate) struct FrameSender {
    way: Arc<Way>,
}

/// The end of the client's connection. Dropped with it.
#[derive(Debug)]
pub(crate) struct Frames {
    way: Arc<Way>,
}

/// Why a frame was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsent {
    /// The client is too slow. It was cut off.
    Overflow,
    /// The client is gone, or was cut off.
    Gone,
}

#[derive(Debug, Default)]
struct Way {
    queue: Mutex<Queue>,
    gone: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Bytes>,
    bytes: usize,
    /// Nothing more is said.
    is_finished: bool,
    /// Nobody listens any more.
    is_gone: bool,
    waker: Option<Waker>,
}

/// The two ends of a stream.
pub(crate) fn frames() -> (FrameSender, Frames) {
    let way = Arc::new(Way::default());
    let sender = FrameSender {
        way: Arc::clone(&way),
    };
    (sender, Frames { way })
}

impl FrameSender {
    /// Sends a frame, without waiting.
    ///
    /// # Errors
    /// [`Unsent`]: nothing more can be sent.
    pub(crate) fn send(&self, frame: Bytes) -> Result<(), Unsent> {
        let mut queue = self.way.queue.lock();
        if queue.is_gone {
            return Err(Unsent::Gone);
        }
        let is_full = queue.frames.len() >= MOST_FRAMES
            || (!queue.frames.is_empty() && queue.bytes + frame.len() > MOST_BYTES);
        if is_full {
            drop(queue);
            self.cut();
            return Err(Unsent::Overflow);
        }
        queue.bytes += frame.len();
        queue.frames.push_back(frame);
        queue.wake();
        Ok(())
    }

    /// Ends the connection at once, and with it what waits for the client.
    pub(crate) fn cut(&self) {
        self.way.leave();
    }

    /// Whether the client is gone, or was cut off.
    pub(crate) fn is_closed(&self) -> bool {
        self.way.queue.lock().is_gone
    }

    /// Waits until the client is gone, or was cut off.
    pub(crate) async fn closed(&self) {
        let mut gone = std::pin::pin!(self.way.gone.notified());
        gone.as_mut().enable();
        if !self.is_closed() {
            gone.await;
        }
    }
}

impl Drop for FrameSender {
    fn drop(&mut self) {
        let mut queue = self.way.queue.lock();
        queue.is_finished = true;
        queue.wake();
    }
}

impl Frames {
    /// Polls for the next frame; `None` at the end of the stream.
    pub(crate) fn poll_next(&mut self, ctx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut queue = self.way.queue.lock();
        if let Some(frame) = queue.frames.pop_front() {
            queue.bytes -= frame.len();
            return Poll::Ready(Some(frame));
        }
        if queue.is_finished || queue.is_gone {
            return Poll::Ready(None);
        }
        queue.waker = Some(ctx.waker().clone());
        Poll::Pending
    }

    /// Waits for the next frame; `None` at the end of the stream.
    #[cfg(test)]
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        std::future::poll_fn(|ctx| self.poll_next(ctx)).await
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        self.way.leave();
    }
}

impl Way {
    fn leave(&self) {
        let mut queue = self.queue.lock();
        queue.is_gone = true;
        queue.frames.clear();
        queue.bytes = 0;
        queue.wake();
        drop(queue);
        self.gone.notify_waiters();
    }
}

impl Queue {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test]
    async fn d9_a_slow_reader_is_cut_off_after_a_bounded_number_of_frames() {
        let (sender, mut frames) = frames();
        let small = Bytes::from_static(b"x");
        for _ in 0..MOST_FRAMES {
            sender.send(small.clone()).unwrap();
        }
        assert_eq!(frames.next().await.unwrap(), small);
        sender.send(small.clone()).unwrap();
        assert_eq!(sender.send(small.clone()), Err(Unsent::Overflow));
        assert_eq!(frames.next().await, None, "nothing waits any more");
        assert_eq!(sender.send(small), Err(Unsent::Gone));
    }

    #[tokio::test]
    async fn d9_a_slow_reader_is_cut_off_after_a_bounded_number_of_bytes() {
        let (sender, mut frames) = frames();
        let huge = Bytes::from(vec![0; MOST_BYTES * 2]);
        let half = Bytes::from(vec![0; MOST_BYTES / 2]);
        sender.send(huge.clone()).unwrap();
        assert_eq!(frames.next().await.unwrap().len(), huge.len());
        sender.send(half.clone()).unwrap();
        sender.send(half).unwrap();
        assert_eq!(sender.send(Bytes::from_static(b"x")), Err(Unsent::Overflow));
        assert_eq!(frames.next().await, None);
    }

    #[tokio::test]
    async fn a_stream_ends_with_what_was_said_last() {
        let (sender, mut frames) = frames();
        sender.send(Bytes::from_static(b"last")).unwrap();
        drop(sender);
        assert_eq!(frames.next().await.unwrap(), "last");
        assert_eq!(frames.next().await, None);
    }

    #[tokio::test]
    async fn a_client_that_is_gone_is_noticed() {
        let (sender, frames) = frames();
        assert!(!sender.is_closed());
        drop(frames);
        sender.closed().await;
        assert_eq!(sender.send(Bytes::new()), Err(Unsent::Gone));
    }
}
