//! Following the feed and writing heartbeats into it.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use mcpg_cluster::{Error, ErrorKind, Expect, NamedEntry, Result, WatchEvent, WatchStream};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::View;
use super::feed::{self, Closing, Heartbeat, Item, News};
use crate::node_topic::{WakeUp, topic};
use crate::owner::BootId;
use crate::random;
use crate::timing::sleep_until;
use crate::weakness::{self, Weakness};

/// How many acknowledgements wait to be sent; what does not fit is left out, which costs a DELETE some time.
const ACKS: usize = 256;

type Ack = (BootId, String);

impl View {
    /// Keeps the view up to date until it is dropped; [`leave`](Self::leave) is to follow then.
    pub async fn run(&self) -> Infallible {
        loop {
            let asked = self.parts.clock.now();
            match self.follow().await {
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    debug!(message = "The feed of the fleet cannot be followed at the moment.", %error);
                }
                Err(error) => warn!(message = "The feed of the fleet broke off.", %error),
                Ok(never) => match never {},
            }
            self.lose();
            sleep_until(self.parts.clock.as_ref(), asked + self.parts.validity / 4).await;
        }
    }

    /// Says that this replica uses no cache any more and is no member. The cache must not be used from before this is
    /// called.
    ///
    /// # Errors
    /// The coordinator's; the heartbeat then runs out by itself.
    pub async fn leave(&self) -> Result<()> {
        self.lose();
        let key = feed::heartbeat_key(&self.parts.boot);
        self.parts.key_value.delete(&key, Expect::Any).await
    }

    /// Follows one watch to its end.
    async fn follow(&self) -> Result<Infallible> {
        let asked = self.parts.clock.now();
        let mut events = self.parts.watch.watch(feed::SCOPE.as_bytes(), b"").await?;
        self.freshness.lock().watch_started(asked);
        let (acks, waiting) = mpsc::channel(ACKS);
        // Heartbeats begin after the first listing, because one from before it would prove nothing.
        self.process(next(&mut events).await?, &acks)?;
        tokio::select! {
            biased;
            end = self.follow_changes(&mut events, &acks) => end,
            never = self.beat() => match never {},
            () = self.send_acks(waiting) => Err(Error::new(ErrorKind::Internal, "acknowledgements ended")),
        }
    }

    async fn follow_changes(&self, events: &mut WatchStream, acks: &mpsc::Sender<Ack>) -> Result<Infallible> {
        loop {
            self.process(next(events).await?, acks)?;
        }
    }

    fn process(&self, event: WatchEvent, acks: &mpsc::Sender<Ack>) -> Result<()> {
        let missed = self
            .freshness
            .lock()
            .may_have_missed(self.parts.clock.now(), self.retention);
        if missed && !weakness::has(Weakness::TrustsOldEvents) {
            let message = "no heartbeat of this replica came back for half the retention of the feed";
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        match event {
            WatchEvent::Snapshot(entries) | WatchEvent::Resync(entries) => self.listed(&entries, acks),
            WatchEvent::Put(entry) => self.came(&entry, acks),
            WatchEvent::Delete { name } => {
                if let Some(boot) = feed::boot_of(&name) {
                    self.members.gone(&boot);
                }
            }
        }
        Ok(())
    }

    /// News may have come and gone since the last event: whatever was remembered is dropped, and what is in the listing
    /// counts as arriving now.
    fn listed(&self, entries: &[NamedEntry], acks: &mpsc::Sender<Ack>) {
        self.freshness.lock().listed();
        self.members.none_seen();
        self.each_listener(|listener| listener.lost());
        for entry in entries {
            match Item::read(entry) {
                Item::Heartbeat(boot, heartbeat) => self.members.seen(boot, heartbeat.reads),
                Item::News(news, closing) => self.heard(&news, &closing, acks),
                Item::Foreign => {}
            }
        }
        self.members.know_all();
    }

    fn came(&self, entry: &NamedEntry, acks: &mpsc::Sender<Ack>) {
        match Item::read(entry) {
            Item::Heartbeat(boot, heartbeat) if boot == self.parts.boot => {
                let validity = self.parts.validity;
                self.freshness.lock().came_back(heartbeat.mark, validity);
            }
            Item::Heartbeat(boot, heartbeat) => self.members.seen(boot, heartbeat.reads),
            Item::News(news, closing) => self.heard(&news, &closing, acks),
            Item::Foreign => {}
        }
    }

    fn heard(&self, news: &News, closing: &Closing, acks: &mpsc::Sender<Ack>) {
        self.tell(news);
        for boot in &closing.tell {
            if *boot == self.parts.boot {
                continue;
            }
            // A full queue costs the one who waits some time, nothing else.
            let _ = acks.try_send((boot.clone(), news.name()));
        }
    }

    async fn send_acks(&self, mut waiting: mpsc::Receiver<Ack>) {
        while let Some((to, session)) = waiting.recv().await {
            let boot = self.parts.boot.clone();
            let said = WakeUp::Ack { session, boot }.to_bytes();
            if let Err(error) = self.parts.pubsub.publish(&topic(&to), said).await {
                debug!(message = "An acknowledgement could not be sent.", %to, %error);
            }
        }
    }

    /// Writes a heartbeat every half validity. One that fails is not repeated: the next one proves more.
    async fn beat(&self) -> Infallible {
        let clock = self.parts.clock.as_ref();
        loop {
            let sent = clock.now();
            if let Err(error) = self.write_heartbeat().await {
                debug!(message = "A heartbeat could not be written.", %error);
            }
            sleep_until(clock, sent + self.parts.validity / 2).await;
        }
    }

    async fn write_heartbeat(&self) -> Result<()> {
        let mark = u64::from_be_bytes(random::bytes());
        let heartbeat = Heartbeat {
            mark,
            reads: self.parts.formats.reads(),
        };
        let value = serde_json::to_vec(&heartbeat).expect("numbers are always JSON");
        let key = feed::heartbeat_key(&self.parts.boot);
        self.freshness.lock().sending(mark, self.parts.clock.now());
        // Nobody else writes this key, and a late copy of an earlier heartbeat proves nothing: no expectation needed.
        let write = self
            .parts
            .key_value
            .put(&key, Bytes::from(value), Expect::Any, Some(self.retention));
        let patience = self.parts.validity.max(Duration::from_millis(500));
        match tokio::time::timeout(patience, write).await {
            Ok(written) => written.map(drop),
            Err(_) => Err(Error::new(
                ErrorKind::Indeterminate,
                "the heartbeat was not answered in time",
            )),
        }
    }
}

async fn next(events: &mut WatchStream) -> Result<WatchEvent> {
    let ended = || Error::new(ErrorKind::Unavailable, "the watch of the feed ended");
    events.next().await.ok_or_else(ended)?
}
