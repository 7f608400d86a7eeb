//! Receiving mail.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use mcpg_cluster::{Cursor, Entry, Event, EventStream, Moment, Page, Result, Version};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{debug, warn};

use super::handle::Mailbox;
use super::handler::MailHandler;
use super::names::{self, MailKind};
use super::reply::{Reply, ReplyState};
use crate::node_topic::{self, Content, WakeUp};
use crate::store::Record;

/// How many entries one page of the own mail has.
const PAGE: usize = 256;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What was done beside the loop. A list or subscription that hangs must not hold up the mail that arrives.
enum Chore {
    Subscribed(Result<EventStream>),
    Listed(Result<Page>),
}

struct Receiver {
    mailbox: Mailbox,
    handler: Arc<dyn MailHandler>,
    chores: JoinSet<Chore>,
    /// Mail that is worked on; each task gives its name back.
    work: JoinSet<String>,
    /// The names of that mail.
    looks: HashSet<String>,
    requests: HashSet<String>,
    /// Mail that was worked on since the last resync. What is still there waits for the next one: a look that fails
    /// must not be repeated as fast as it fails.
    worked_on: HashSet<String>,
    stream: Option<EventStream>,
    pause: Duration,
    listing: bool,
    /// When the present list was begun.
    list_begun: Moment,
    /// When the last list was begun that came to its end, or the receiver was.
    listed: Moment,
    /// Whether the scope must be listed once more when the present list is through.
    list_again: bool,
    /// Whether mail was left in the scope because too much was worked on.
    behind: bool,
}

impl Mailbox {
    /// Receives mail until `stop` resolves, then finishes the mail that is worked on. Dropping the future stops at
    /// once; whoever asked for something that was being executed learns "outcome unknown".
    ///
    /// Errors of the coordinator are waited out: it goes on trying.
    pub async fn run(&self, handler: Arc<dyn MailHandler>, stop: impl Future<Output = ()>) {
        let mut receiver = Receiver {
            mailbox: self.clone(),
            handler,
            chores: JoinSet::new(),
            work: JoinSet::new(),
            looks: HashSet::new(),
            requests: HashSet::new(),
            worked_on: HashSet::new(),
            stream: None,
            pause: Duration::ZERO,
            listing: false,
            list_begun: self.clock.now(),
            listed: self.clock.now(),
            list_again: false,
            behind: false,
        };
        receiver.subscribe();
        let resync = self.config.resync;
        let mut resyncs = tokio::time::interval_at(Instant::now() + resync, resync);
        resyncs.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                // What ends work comes first: many wake-ups must not keep the rest waiting.
                biased;
                () = &mut stop => break,
                Some(name) = receiver.work.join_next() => receiver.work_done(name.ok()),
                Some(chore) = receiver.chores.join_next() => receiver.chore_done(chore.ok()),
                _ = resyncs.tick() => {
                    receiver.mailbox.forget_old();
                    receiver.worked_on.clear();
                    receiver.list();
                }
                event = next(&mut receiver.stream) => receiver.heard(event),
            }
        }
        receiver.chores.abort_all();
        while receiver.work.join_next().await.is_some() {}
    }
}

async fn next(stream: &mut Option<EventStream>) -> Option<Result<Event>> {
    match stream {
        Some(stream) => stream.next().await,
        None => std::future::pending().await,
    }
}

fn entry(content: Content) -> Entry {
    Entry {
        value: content.value.into(),
        version: Version::new(content.version),
    }
}

impl Receiver {
    fn subscribe(&mut self) {
        let (pubsub, pause) = (Arc::clone(&self.mailbox.pubsub), self.pause);
        let topic = node_topic::topic(&self.mailbox.config.boot);
        self.chores.spawn(async move {
            tokio::time::sleep(pause).await;
            Chore::Subscribed(pubsub.subscribe(&topic).await)
        });
    }

    /// Starts a list of the own mail, or another one after that which runs: it may have passed the place already.
    fn list(&mut self) {
        if self.listing {
            self.list_again = true;
            return;
        }
        self.listing = true;
        self.behind = false;
        self.list_begun = self.mailbox.clock.now();
        self.list_page(None);
    }

    fn list_page(&mut self, after: Option<Cursor>) {
        let key_value = Arc::clone(&self.mailbox.key_value);
        let scope = names::scope(&self.mailbox.config.boot);
        self.chores
            .spawn(async move { Chore::Listed(key_value.list(&scope, b"", after.as_ref(), PAGE).await) });
    }

    fn heard(&mut self, event: Option<Result<Event>>) {
        match event {
            Some(Ok(Event::Message(payload))) => self.woken(&payload),
            Some(Ok(Event::Gap)) => self.list(),
            Some(Err(error)) => {
                debug!(message = "The wake-ups of this replica broke off.", %error);
                self.lose_stream();
            }
            None => self.lose_stream(),
        }
    }

    fn lose_stream(&mut self) {
        self.stream = None;
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        self.subscribe();
    }

    fn woken(&mut self, payload: &Bytes) {
        match WakeUp::read(payload) {
            WakeUp::Mail { name, content } => match MailKind::of(&name) {
                Some(MailKind::Reply) => self.mailbox.notify(&name),
                // A request changes while it stands, so what it was does not tell what it is.
                Some(MailKind::Request) => self.begin(MailKind::Request, name, None),
                Some(MailKind::Note) => self.begin(MailKind::Note, name, content.map(entry)),
                None => debug!(message = "Ignored mail of a later release.", name),
            },
            WakeUp::Ack { session, boot } => self.handler.acknowledged(&session, &boot),
            WakeUp::Unknown => debug!(message = "Ignored a wake-up of a later release."),
        }
    }

    fn chore_done(&mut self, chore: Option<Chore>) {
        match chore {
            Some(Chore::Subscribed(Ok(stream))) => {
                self.stream = Some(stream);
                self.pause = Duration::ZERO;
                // Whatever came before the subscription was live.
                self.list();
            }
            Some(Chore::Subscribed(Err(error))) => {
                warn!(message = "This replica cannot listen for wake-ups; it lists its mail instead.", %error);
                self.lose_stream();
            }
            Some(Chore::Listed(Ok(page))) => self.listed(page),
            Some(Chore::Listed(Err(error))) => {
                debug!(message = "Listing the mail failed.", %error);
                self.list_ended();
            }
            // Neither panics nor is aborted before the end; the next resync sets it right.
            None => self.list_ended(),
        }
    }

    fn listed(&mut self, page: Page) {
        for found in page.entries {
            let Ok(name) = String::from_utf8(found.name.to_vec()) else {
                continue;
            };
            match MailKind::of(&name) {
                Some(MailKind::Reply) => self.found_reply(&name, &found.entry),
                Some(kind) => self.begin(kind, name, Some(found.entry)),
                None => {}
            }
        }
        match page.next {
            Some(cursor) => self.list_page(Some(cursor)),
            None => {
                self.list_complete();
                self.list_ended();
            }
        }
    }

    /// Notes that were put after the last complete list began and before this one did are in this one, unless so much
    /// time lies between the two that they may have expired.
    fn list_complete(&mut self) {
        let unlisted = self.list_begun.saturating_since(self.listed);
        self.listed = self.list_begun;
        if unlisted > self.mailbox.longest_gap() {
            warn!(
                message = "Mail may have expired unread.",
                unlisted_ms = unlisted.as_millis()
            );
            self.handler.missed_notes();
        }
    }

    fn list_ended(&mut self) {
        self.listing = false;
        if std::mem::take(&mut self.list_again) {
            self.list();
        }
    }

    fn found_reply(&self, name: &str, entry: &Entry) {
        let stands = Reply::decode(&entry.value).is_ok_and(|reply| reply.state != ReplyState::Waiting);
        if stands {
            self.mailbox.notify(name);
        }
    }

    /// Starts to work on a piece of mail, unless that is under way or done, or too much is.
    fn begin(&mut self, kind: MailKind, name: String, entry: Option<Entry>) {
        let config = &self.mailbox.config;
        let (busy, most) = match kind {
            MailKind::Note => (&mut self.looks, config.max_looks),
            MailKind::Request => (&mut self.requests, config.max_requests),
            MailKind::Reply => return,
        };
        if busy.contains(&name) || self.worked_on.contains(&name) || self.mailbox.is_done_with(&name) {
            return;
        }
        if busy.len() >= most {
            self.behind = true;
            return;
        }
        busy.insert(name.clone());
        let (mailbox, handler) = (self.mailbox.clone(), Arc::clone(&self.handler));
        self.work.spawn(async move {
            let work = async {
                match kind {
                    MailKind::Note => mailbox.take_note(&name, entry, &*handler).await,
                    _ => mailbox.take_request(&name, entry, &*handler).await,
                }
            };
            match AssertUnwindSafe(work).catch_unwind().await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => debug!(message = "A piece of mail has to wait.", name, %error),
                Err(_) => warn!(message = "Working on a piece of mail panicked.", name),
            }
            name
        });
    }

    fn work_done(&mut self, name: Option<String>) {
        if let Some(name) = name {
            self.looks.remove(&name);
            self.requests.remove(&name);
            self.worked_on.insert(name);
        }
        let config = &self.mailbox.config;
        let room = self.looks.len() * 2 <= config.max_looks && self.requests.len() * 2 <= config.max_requests;
        if self.behind && room {
            self.list();
        }
    }
}
