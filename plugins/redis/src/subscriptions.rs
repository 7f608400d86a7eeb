//! Who listens to which channel, and what waits for them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use mcpg_plugin_sdk::cluster::Event;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// All mailboxes by channel.
#[derive(Default)]
pub(crate) struct Subscriptions {
    channels: Mutex<HashMap<Vec<u8>, Vec<Arc<Mailbox>>>>,
}

impl Subscriptions {
    pub(crate) fn add(&self, channel: &[u8], capacity: usize) -> Arc<Mailbox> {
        let mailbox = Arc::new(Mailbox::new(capacity));
        let mut channels = self.channels.lock();
        channels
            .entry(channel.to_vec())
            .or_default()
            .push(Arc::clone(&mailbox));
        mailbox
    }

    /// Removes a mailbox and says whether it was the channel's last one.
    pub(crate) fn remove(&self, channel: &[u8], mailbox: &Arc<Mailbox>) -> bool {
        let mut channels = self.channels.lock();
        let Some(mailboxes) = channels.get_mut(channel) else {
            return true;
        };
        mailboxes.retain(|other| !Arc::ptr_eq(other, mailbox));
        let last = mailboxes.is_empty();
        if last {
            channels.remove(channel);
        }
        last
    }

    pub(crate) fn channels(&self) -> Vec<Vec<u8>> {
        self.channels.lock().keys().cloned().collect()
    }

    pub(crate) fn is_wanted(&self, channel: &[u8]) -> bool {
        self.channels.lock().contains_key(channel)
    }

    pub(crate) fn deliver(&self, channel: &[u8], payload: &Bytes) {
        let channels = self.channels.lock();
        for mailbox in channels.get(channel).into_iter().flatten() {
            mailbox.push(Event::Message(payload.clone()));
        }
    }

    /// Tells the readers of one channel that something may have been missed.
    pub(crate) fn gap_in(&self, channel: &[u8]) {
        let channels = self.channels.lock();
        for mailbox in channels.get(channel).into_iter().flatten() {
            mailbox.push(Event::Gap);
        }
    }

    /// Tells everybody that something may have been missed.
    pub(crate) fn gap(&self) {
        let channels = self.channels.lock();
        for mailbox in channels.values().flatten() {
            mailbox.push(Event::Gap);
        }
    }
}

/// The events that wait for one reader. A full one is emptied: the reader gets a gap, and nobody waits.
pub(crate) struct Mailbox {
    waiting: Mutex<VecDeque<Event>>,
    capacity: usize,
    arrived: Notify,
}

impl Mailbox {
    fn new(capacity: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            capacity,
            arrived: Notify::new(),
        }
    }

    fn push(&self, event: Event) {
        let mut waiting = self.waiting.lock();
        if event == Event::Gap || waiting.len() >= self.capacity {
            waiting.clear();
            waiting.push_back(Event::Gap);
        }
        if event != Event::Gap {
            waiting.push_back(event);
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    pub(crate) async fn next(&self) -> Event {
        loop {
            let arrived = self.arrived.notified();
            if let Some(event) = self.waiting.lock().pop_front() {
                return event;
            }
            arrived.await;
        }
    }

    /// Takes everything that waits, for a reader that only wants to know whether there was anything.
    pub(crate) fn clear(&self) {
        self.waiting.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_mailbox_gives_one_gap_and_what_came_after() {
        let subscriptions = Subscriptions::default();
        let mailbox = subscriptions.add(b"channel", 4);
        for number in 0..5_u8 {
            subscriptions.deliver(b"channel", &Bytes::from(vec![number]));
            subscriptions.deliver(b"other", &Bytes::from_static(b"foreign"));
        }
        assert_eq!(mailbox.next().await, Event::Gap);
        assert_eq!(mailbox.next().await, Event::Message(Bytes::from(vec![4])));
        assert!(subscriptions.remove(b"channel", &mailbox));
        assert!(subscriptions.channels().is_empty());
    }

    #[tokio::test]
    async fn the_last_reader_of_a_channel_is_known() {
        let subscriptions = Subscriptions::default();
        let first = subscriptions.add(b"channel", 4);
        let second = subscriptions.add(b"channel", 4);
        assert!(!subscriptions.remove(b"channel", &first));
        subscriptions.gap();
        assert_eq!(second.next().await, Event::Gap);
        assert!(subscriptions.remove(b"channel", &second));
        assert!(!subscriptions.is_wanted(b"channel"));
    }
}
