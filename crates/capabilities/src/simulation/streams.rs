//! Streams of calls in these worlds: how an owner says something, how clients come back, and what they saw.

use std::sync::Arc;
use std::time::Duration;

use mcpg_cluster::Key;
use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::time::{sleep, timeout};

use super::World;
use super::calls::Call;
use super::node::{BUDGET, Node};
use crate::calls::{Birth, Entry, Follow, OpenCall, Over, Refused, Version, logged};
use crate::delivery::{Logged, Reader};
use crate::mailbox::Note;
use crate::weakness::{self, Weakness};

const PAUSE: Duration = Duration::from_millis(100);
/// How often a reader looks by itself.
const RESYNC: Duration = Duration::from_secs(2);
/// The size of an event that does not stand in the head.
const LARGE: usize = 20 * 1024;

/// The stream of one call and everything that was seen of it.
#[derive(Clone)]
pub(crate) struct Stream {
    world: World,
    pub(crate) call: Call,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    birth: Option<Birth>,
    connections: Vec<Connection>,
    /// How the stream ended, for each way that a client was told of.
    had_response: bool,
    was_lost: bool,
    was_cancelled: bool,
    cancel_sent: bool,
    /// Bodies are lost on purpose.
    loss_expected: bool,
}

/// One connection of a client, which the first one is to the owner.
struct Connection {
    /// The number of the last event that came in, or where it began.
    last: u64,
    /// The version of the head in which it became the reader, and where the log ended in it.
    taken: Option<(Version, u64)>,
    /// Nobody can say in which version it became the reader: the call was over, so that it only reads, or it had to try
    /// again, with which it may have taken the stream back from somebody who came later.
    is_exempt: bool,
    replica: usize,
    is_over: bool,
}

/// The owner's end of a stream.
pub(crate) struct Owned {
    pub(crate) open: Box<OpenCall>,
    stream: Stream,
    /// How much was appended.
    last: u64,
    /// The first connection, while nobody has come back elsewhere.
    first: Option<usize>,
}

impl Stream {
    pub(crate) fn new(world: &World, id: &str) -> Self {
        Self {
            world: world.clone(),
            call: Call::new(world, id),
            seen: Arc::default(),
        }
    }

    /// Runs as the owner: the call has become a stream, to which the client's connection listens.
    pub(crate) fn begin(&self, node: &Node, open: Box<OpenCall>) -> Owned {
        self.seen.lock().birth = Some(open.birth());
        let first = self.connect(node, 0);
        Owned {
            open,
            stream: self.clone(),
            last: 0,
            first: Some(first),
        }
    }

    /// From now on a stream may end because something of it is lost.
    pub(crate) fn expects_loss(&self) {
        self.seen.lock().loss_expected = true;
    }

    /// Whether there is something to come back to.
    pub(crate) fn birth(&self) -> Option<Birth> {
        self.seen.lock().birth
    }

    /// The last event that any client has seen.
    pub(crate) fn newest(&self) -> u64 {
        let seen = self.seen.lock();
        let lasts = seen.connections.iter().map(|connection| connection.last);
        lasts.max().unwrap_or(0)
    }

    /// Comes back at a replica behind the event `after` and reads to the end. It stops when the replica dies.
    pub(crate) async fn resume(&self, node: &Node, after: u64) {
        let Some(birth) = self.birth() else { return };
        let number = self.connect(node, after);
        let (stream, own) = (self.clone(), node.clone());
        let reading = async move { stream.read(&own, birth, number).await };
        if node.replica.run(reading).await.is_some() {
            self.seen.lock().connections[number].is_over = true;
        }
    }

    /// A cancel at any replica.
    pub(crate) async fn cancel(&self, node: &Node) {
        self.seen.lock().cancel_sent = true;
        self.call.cancel(node).await;
    }

    /// A connection that neither ended nor died with its replica.
    pub(crate) fn silent(&self, nodes: &[Node]) -> Option<usize> {
        let seen = self.seen.lock();
        let died = |replica: usize| {
            let mut at = nodes.iter().filter(|node| node.replica.index() == replica);
            at.any(|node| node.replica.is_crashed())
        };
        let mut connections = seen.connections.iter();
        connections.position(|connection| !connection.is_over && !died(connection.replica))
    }

    /// Whether a client was told that the outcome is unknown.
    pub(crate) fn was_lost(&self) -> bool {
        self.seen.lock().was_lost
    }

    /// Whether a client saw the response.
    pub(crate) fn had_response(&self) -> bool {
        self.seen.lock().had_response
    }

    fn connect(&self, node: &Node, after: u64) -> usize {
        let mut seen = self.seen.lock();
        seen.connections.push(Connection {
            last: after,
            taken: None,
            is_exempt: false,
            replica: node.replica.index(),
            is_over: false,
        });
        let number = seen.connections.len() - 1;
        drop(seen);
        self.note(node, &format!("connection {number} begins behind {after}"));
        number
    }

    async fn read(&self, node: &Node, birth: Birth, number: usize) {
        let reader = Reader::fresh(node.boot.clone());
        let key = &self.call.key;
        let mut last = self.seen.lock().connections[number].last;
        let taken = loop {
            match node.calls.take_up(key, birth, last, &reader).await {
                Ok(Follow::Stale) | Err(_) => {
                    self.seen.lock().connections[number].is_exempt = true;
                    sleep(PAUSE).await;
                }
                Ok(other) => break other,
            }
        };
        self.begins(number, &taken);
        let mut at_least = None;
        let mut followed = taken;
        loop {
            match self.took(node, number, followed) {
                Some(version) => at_least = at_least.max(Some(version)),
                None => return,
            }
            last = self.seen.lock().connections[number].last;
            followed = loop {
                if timeout(RESYNC, node.looks.notified()).await.is_err() {
                    let _ = node.calls.end_if_dead(key, birth).await;
                }
                match node.calls.follow(key, birth, last, &reader, at_least).await {
                    Ok(Follow::Stale) | Err(_) => {}
                    Ok(other) => break other,
                }
            };
        }
    }

    fn begins(&self, number: usize, taken: &Follow) {
        let connection = &mut self.seen.lock().connections[number];
        match taken {
            Follow::Runs { events, version, .. } => {
                connection.taken = Some((*version, connection.last + events.len() as u64));
            }
            _ => connection.is_exempt = true,
        }
    }

    /// What a reader sees; the version of the head while the stream goes on.
    fn took(&self, node: &Node, number: usize, followed: Follow) -> Option<Version> {
        match followed {
            Follow::Runs { events, version, .. } => {
                self.receive(node, number, events);
                return Some(version);
            }
            Follow::Over { events, over, last } => {
                self.receive(node, number, events);
                self.over(node, number, over, last);
            }
            Follow::Displaced => self.note(node, &format!("connection {number} is displaced")),
            Follow::Stale => {}
            lost @ (Follow::Trimmed | Follow::Broken | Follow::Gone) => {
                self.note(node, &format!("connection {number} meets {lost:?}"));
                if !self.seen.lock().loss_expected {
                    self.world
                        .violated("I6: something that was logged cannot be read any more");
                }
            }
        }
        None
    }

    fn receive(&self, node: &Node, number: usize, events: Vec<Logged>) {
        for event in events {
            self.note(
                node,
                &format!("connection {number} gets event {}", event.sequence),
            );
            if let Some(what) = self.judge(number, &event) {
                self.world.violated(what);
            }
        }
    }

    /// What is wrong with an event that came in on a connection.
    fn judge(&self, number: usize, event: &Logged) -> Option<&'static str> {
        let sequence = event.sequence;
        let mut seen = self.seen.lock();
        let stands = self.world.value(&self.call.key.head());
        let reaches = stands.and_then(|head| logged(&head, seen.birth?));
        if reaches.is_some_and(|last| last < sequence) {
            return Some("an event was sent that is not logged");
        }
        if sequence != seen.connections[number].last + 1 {
            return Some("I6: an event came twice, too early or too late");
        }
        seen.connections[number].last = sequence;
        // Whoever reads has the stream to itself from the version on in which it became the reader.
        let connection = &seen.connections[number];
        let (is_exempt, own) = (connection.is_exempt, connection.taken.map(|(version, _)| version));
        let later = seen.connections.iter().filter_map(|connection| connection.taken);
        let mut displaced = later.filter(|(version, _)| Some(*version) > own);
        if !is_exempt && displaced.any(|(_, end)| end < sequence) {
            return Some("I6: an event came on a stream that somebody else reads");
        }
        let text = String::from_utf8_lossy(&event.message);
        if text.starts_with("\"response") {
            seen.had_response = true;
        } else if !text.starts_with(&format!("\"{sequence}:")) {
            return Some("I6: an event came in another one's place");
        }
        drop(seen);
        self.check()
    }

    fn over(&self, node: &Node, number: usize, over: Over, last: u64) {
        self.note(node, &format!("connection {number} is over: {over:?}"));
        let mut seen = self.seen.lock();
        let has_all = seen.connections[number].last >= last;
        match over {
            Over::Finished => {}
            Over::Cancelled => seen.was_cancelled = true,
            Over::OwnerLost => seen.was_lost = true,
        }
        let is_short = over == Over::Finished && !(has_all && (seen.had_response || last == 0));
        drop(seen);
        let wrong = is_short.then_some("I6: a stream ended before its last event");
        if let Some(what) = wrong.or_else(|| self.check()) {
            self.world.violated(what);
        }
    }

    /// One call ends in one way.
    fn check(&self) -> Option<&'static str> {
        let seen = self.seen.lock();
        if seen.had_response && seen.was_lost {
            return Some("a response and an unknown outcome of one call");
        }
        if seen.had_response && (seen.was_cancelled || self.call.is_cancelled()) {
            return Some("a response of a call that was cancelled");
        }
        if seen.was_cancelled && !seen.cancel_sent {
            return Some("a call was cancelled that nobody cancelled");
        }
        None
    }

    /// Nobody has taken more than there is, whoever came first.
    fn check_budget(&self) {
        let session = self.call.key.session();
        let principal = session
            .rsplit_once('/')
            .map_or(session, |(principal, _)| principal);
        let record = self.world.value(&Key::new("budget", principal.to_owned()));
        let taken = record.map_or(0, |record| {
            let record: serde_json::Value = serde_json::from_slice(&record).expect("records are JSON");
            let shares = record["shares"].as_object().into_iter().flatten();
            shares.filter_map(|(_, share)| share["bytes"].as_u64()).sum()
        });
        if taken > BUDGET {
            self.world
                .violated(format!("{taken} bytes of a budget of {BUDGET} are taken"));
        }
    }

    fn note(&self, node: &Node, what: &str) {
        let id = self.call.key.id();
        self.world
            .note(Some(node.replica.index()), &format!("stream {id}: {what}"));
    }
}

impl Owned {
    /// Says so many things, some of them large, however often it takes; with `ends` the last one is the response.
    pub(crate) async fn say(&mut self, node: &Node, count: u64, ends: bool) -> Result<(), Refused> {
        let world = self.stream.world.clone();
        let last = self.last + count;
        let entries = (self.last + 1..=last)
            .map(|number| entry(number, ends && number == last, world.chance(150)))
            .collect();
        self.say_all(node, entries, ends).await
    }

    /// Asks the client something on the stream.
    pub(crate) async fn ask(&mut self, node: &Node) -> Result<(), Refused> {
        let question = Entry {
            question: Some(self.open.next_question()),
            ..entry(self.last + 1, false, false)
        };
        self.say_all(node, vec![question], false).await
    }

    /// Says one large thing.
    pub(crate) async fn say_large(&mut self, node: &Node) -> Result<(), Refused> {
        self.say_all(node, vec![entry(self.last + 1, false, true)], false)
            .await
    }

    async fn say_all(&mut self, node: &Node, entries: Vec<Entry>, ends: bool) -> Result<(), Refused> {
        if weakness::has(Weakness::SendsUnlogged) {
            self.send(node, &entries);
        }
        let appended = loop {
            match self.open.append(self.last, &entries, ends).await {
                Ok(appended) => break appended,
                Err(_) => sleep(PAUSE).await,
            }
        };
        self.stream.note(node, &format!("appended: {appended:?}"));
        self.stream.check_budget();
        if appended == Err(Refused::OverBudget) {
            let excuse = vec![entry(self.last + 1, true, false)];
            return Box::pin(self.say_all(node, excuse, true)).await;
        }
        let appended = appended.inspect_err(|refused| self.refused(node, *refused))?;
        if let Some(number) = entries.iter().filter_map(|entry| entry.question).max() {
            self.stream.call.has_asked(number);
        }
        if appended.reader.is_some() {
            self.close();
        }
        if !weakness::has(Weakness::SendsUnlogged) {
            self.send(node, &entries);
        }
        self.last = appended.last;
        if let Some(reader) = appended.reader {
            let (at, version) = (self.stream.call.key.head(), appended.version);
            let _ = node.mailbox.wake(&reader.boot, &Note { at, version }).await;
        }
        if ends {
            self.close();
        }
        Ok(())
    }

    /// The stream is not the owner's any more: its connection is told how the call ended.
    pub(crate) fn refused(&mut self, node: &Node, refused: Refused) {
        let over = match refused {
            Refused::Cancelled => Over::Cancelled,
            Refused::Claimed | Refused::Gone | Refused::OverBudget => Over::OwnerLost,
        };
        if let Some(first) = self.first {
            self.stream.over(node, first, over, 0);
        }
        self.close();
    }

    /// The first connection ends.
    pub(crate) fn close(&mut self) {
        if let Some(first) = self.first.take() {
            self.stream.seen.lock().connections[first].is_over = true;
        }
    }

    fn send(&self, node: &Node, entries: &[Entry]) {
        if let Some(first) = self.first {
            let events = (self.last + 1..).zip(entries).map(|(sequence, entry)| Logged {
                sequence,
                message: entry.message.get().to_owned().into(),
            });
            self.stream.receive(node, first, events.collect());
        }
    }
}

/// What is said in this place.
fn entry(number: u64, is_response: bool, is_large: bool) -> Entry {
    let mut text = if is_response {
        "\"response".to_owned()
    } else {
        format!("\"{number}:")
    };
    if is_large {
        text.push_str(&"x".repeat(LARGE));
    }
    text.push('"');
    Entry {
        message: RawValue::from_string(text).expect("letters in quotes are JSON"),
        question: None,
    }
}
