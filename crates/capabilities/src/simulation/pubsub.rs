//! Messages: ordered per topic, but late or lost, and what is lost may be seen as a gap.

use std::collections::BTreeMap;

use bytes::Bytes;
use fastrand::Rng;
use mcpg_cluster::{Event, Result};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until};

use super::World;
use super::faults::{Faults, chance};

/// All subscriptions of the world, by number.
#[derive(Default)]
pub(super) struct Subscribers {
    all: BTreeMap<u64, Subscriber>,
    last: u64,
    unstarted: Vec<Way>,
}

struct Subscriber {
    topic: Bytes,
    way: UnboundedSender<(Instant, Event)>,
    latest: Instant,
}

/// The way from the backend to one subscriber.
struct Way {
    replica: usize,
    arriving: UnboundedReceiver<(Instant, Event)>,
    sender: UnboundedSender<Result<Event>>,
}

impl Subscribers {
    pub(super) fn add(&mut self, replica: usize, topic: Bytes) -> UnboundedReceiver<Result<Event>> {
        let (sender, receiver) = unbounded_channel();
        let (way, arriving) = unbounded_channel();
        let latest = Instant::now();
        self.last += 1;
        self.all.insert(self.last, Subscriber { topic, way, latest });
        self.unstarted.push(Way {
            replica,
            arriving,
            sender,
        });
        receiver
    }

    pub(super) fn tell(&mut self, topic: &[u8], payload: &Bytes, faults: &Faults, random: &mut Rng) {
        self.all.retain(|_, subscriber| !subscriber.way.is_closed());
        for subscriber in self
            .all
            .values_mut()
            .filter(|subscriber| subscriber.topic == topic)
        {
            let event = if chance(random, faults.lose_message) {
                random.bool().then_some(Event::Gap)
            } else {
                Some(Event::Message(payload.clone()))
            };
            let due = (Instant::now() + faults.draw_delay(random)).max(subscriber.latest);
            subscriber.latest = due;
            if let Some(event) = event {
                let _ = subscriber.way.send((due, event));
            }
        }
    }
}

impl World {
    pub(super) fn start_subscribers(&self) {
        for way in self.with(|state| std::mem::take(&mut state.subscribers.unstarted)) {
            tokio::spawn(self.clone().carry(way));
        }
    }

    async fn carry(self, mut way: Way) {
        while let Some((due, event)) = way.arriving.recv().await {
            sleep_until(due).await;
            let reachable =
                |state: &mut super::world::State| !state.is_stopped && state.is_reachable(way.replica);
            let event = if self.with(reachable) { event } else { Event::Gap };
            self.until(reachable).await;
            if way.sender.send(Ok(event)).is_err() {
                return;
            }
        }
    }
}
