//! The bounded queue between whoever causes an event and the one stream that reads it.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::future::{Either, select};
use futures_util::stream::{self, BoxStream, StreamExt};
use mcpg_cluster::Result;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::gate::{Gate, closed_error};

/// How many events wait for a reader before it counts as too slow.
pub(crate) const CAPACITY: usize = 1024;

pub(crate) struct Mailbox<T> {
    queue: Mutex<Queue<T>>,
    arrived: Notify,
}

struct Queue<T> {
    events: VecDeque<T>,
    overflowed: bool,
}

/// What a reader takes out.
pub(crate) enum Taken<T> {
    Event(T),
    /// Events were dropped here. What is queued now came after that.
    Overflow,
    Nothing,
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Self {
            queue: Mutex::new(Queue {
                events: VecDeque::new(),
                overflowed: false,
            }),
            arrived: Notify::new(),
        }
    }
}

impl<T> Mailbox<T> {
    /// Adds an event. A full queue is emptied first: its reader must start over anyway, and nobody waits for it.
    pub(crate) fn push(&self, event: T) {
        let mut queue = self.queue.lock();
        if queue.events.len() >= CAPACITY {
            queue.events.clear();
            queue.overflowed = true;
        }
        queue.events.push_back(event);
        drop(queue);
        self.arrived.notify_one();
    }

    pub(crate) fn take(&self) -> Taken<T> {
        let mut queue = self.queue.lock();
        if std::mem::take(&mut queue.overflowed) {
            return Taken::Overflow;
        }
        queue.events.pop_front().map_or(Taken::Nothing, Taken::Event)
    }

    /// Forgets everything that waits.
    pub(crate) fn clear(&self) {
        let mut queue = self.queue.lock();
        queue.events.clear();
        queue.overflowed = false;
    }

    async fn arrived(&self) {
        self.arrived.notified().await;
    }
}

/// Something that reads a mailbox in its own way.
pub(crate) trait Reader: Send + Sync + 'static {
    /// What waits in the mailbox.
    type Event: Send;
    /// What the stream yields.
    type Item: Send;

    fn mailbox(&self) -> &Mailbox<Self::Event>;

    /// Turns an event into an item.
    fn event(&self, event: Self::Event) -> Self::Item;

    /// Says what the reader of the stream is told after an overflow; an error ends the stream.
    fn overflow(&self) -> Result<Self::Item>;
}

/// The stream of a reader; it ends with an error when the gate closes.
pub(crate) fn read<R: Reader>(reader: R, gate: Arc<Gate>) -> BoxStream<'static, Result<R::Item>> {
    let closed = {
        let gate = Arc::clone(&gate);
        Box::pin(async move { gate.closed().await })
    };
    stream::unfold(Some((reader, gate, closed)), async |state| {
        let (reader, gate, mut closed) = state?;
        loop {
            if gate.check().is_err() {
                return Some((Err(closed_error()), None));
            }
            match reader.mailbox().take() {
                Taken::Event(event) => {
                    let item = reader.event(event);
                    return Some((Ok(item), Some((reader, gate, closed))));
                }
                Taken::Overflow => {
                    let item = reader.overflow();
                    let goes_on = item.is_ok();
                    return Some((item, goes_on.then_some((reader, gate, closed))));
                }
                Taken::Nothing => {}
            }
            let arrived = Box::pin(reader.mailbox().arrived());
            if let Either::Right(_) = select(arrived, &mut closed).await {
                return Some((Err(closed_error()), None));
            }
        }
    })
    .boxed()
}
