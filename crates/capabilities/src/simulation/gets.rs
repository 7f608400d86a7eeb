//! A client with GET streams in these worlds: who holds them, what the client got on them, and what was said.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::time::sleep;

use super::World;
use super::node::Node;
use crate::delivery::get::{
    Appended, Attach, Batch, Claim, Claimant, Holder, Look, Said, Seen, UpstreamPlace,
};
use crate::mac::MacKey;
use crate::random;
use crate::sessions::SessionId;
use crate::testing::tester;

const PAUSE: Duration = Duration::from_millis(500);
const UPSTREAM: &str = "up";

/// A client, its session, and an upstream that speaks to it.
#[derive(Clone)]
pub(crate) struct Client {
    world: World,
    pub(crate) session: SessionId,
    told: Arc<Mutex<Told>>,
}

#[derive(Default)]
struct Told {
    streams: BTreeMap<u64, Heard>,
    /// On which stream each text came.
    received: BTreeMap<String, u64>,
    /// What surely was appended.
    said: BTreeSet<String>,
    /// How many events the upstream has.
    upstream: u64,
}

/// What the client has of one stream.
#[derive(Default)]
struct Heard {
    /// The connection that it reads.
    connection: Option<u64>,
    last: u64,
}

/// Whether a stream that was held here ended.
enum Held {
    Goes,
    Ended,
}

impl Client {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            session: SessionId::mint(&MacKey::new([7; 16]), &tester()),
            told: Arc::default(),
        }
    }

    /// Connects a stream, new or known, to a replica. Whatever held it before is given up.
    pub(crate) fn connect(&self, node: &Node, stream: u64) {
        let connection = u64::from_be_bytes(random::bytes());
        let mut told = self.told.lock();
        let heard = told.streams.entry(stream).or_default();
        heard.connection = Some(connection);
        let after = heard.last;
        drop(told);
        self.note(node, &format!("connects stream {stream} behind {after}"));
        let (client, own) = (self.clone(), node.clone());
        node.replica
            .start(async move { client.hold(&own, stream, connection, after).await });
    }

    /// Leaves a stream, which whoever holds it notices.
    pub(crate) fn leave(&self, stream: u64) {
        if let Some(heard) = self.told.lock().streams.get_mut(&stream) {
            heard.connection = None;
        }
    }

    /// The upstream says something more.
    pub(crate) fn upstream_speaks(&self) {
        self.told.lock().upstream += 1;
    }

    /// Runs as a replica: holds a stream until its connection is closed by either side.
    async fn hold(&self, node: &Node, stream: u64, connection: u64, mut after: u64) {
        let Some((owner, lease)) = node.fleet.replica().hold() else {
            return;
        };
        let holder = Holder::fresh(owner, node.boot.clone());
        let name = self.session.name();
        let mut is_attached = false;
        while self.is_connected(stream, connection) && lease.is_valid() {
            let held = if is_attached {
                let look = node.gets.keep(name, stream, &holder, after, None).await;
                match look {
                    Ok(Look::Attached(seen)) => self.deliver(node, stream, connection, &seen, &mut after),
                    Ok(Look::Displaced | Look::Closed) => Held::Ended,
                    Ok(Look::Gone) => {
                        is_attached = false;
                        Held::Goes
                    }
                    Ok(Look::Stale) | Err(_) => Held::Goes,
                }
            } else {
                match node.gets.attach(name, stream, after, &holder).await {
                    Ok(Attach::Attached { seen, .. }) => {
                        is_attached = true;
                        self.deliver(node, stream, connection, &seen, &mut after)
                    }
                    Ok(Attach::TooMany | Attach::Closed) => Held::Ended,
                    Ok(Attach::Stale) | Err(_) => Held::Goes,
                }
            };
            if matches!(held, Held::Ended) {
                return;
            }
            sleep(PAUSE).await;
        }
        while lease.is_valid() && node.gets.detach(name, stream, &holder).await.is_err() {
            sleep(PAUSE).await;
        }
    }

    fn is_connected(&self, stream: u64, connection: u64) -> bool {
        let told = self.told.lock();
        told.streams[&stream].connection == Some(connection)
    }

    /// What is written to a connection reaches the client if it still reads that one.
    fn deliver(&self, node: &Node, stream: u64, connection: u64, seen: &Seen, after: &mut u64) -> Held {
        let mut told = self.told.lock();
        let told = &mut *told;
        let Some(heard) = told
            .streams
            .get_mut(&stream)
            .filter(|heard| heard.connection == Some(connection))
        else {
            return Held::Ended;
        };
        if seen.missed > 0 {
            self.world.violated(format!("events of stream {stream} are gone"));
        }
        for event in &seen.events {
            let text = String::from_utf8_lossy(&event.message).into_owned();
            if event.sequence != heard.last + 1 {
                self.world.violated(format!(
                    "I6: stream {stream} goes on with {} behind {}",
                    event.sequence, heard.last
                ));
            }
            heard.last = event.sequence;
            if let Some(before) = told.received.insert(text.clone(), stream) {
                self.world
                    .violated(format!("I6: {text} is on stream {before} and on stream {stream}"));
            }
            let place = format!("gets {text} as {} of stream {stream}", event.sequence);
            self.note(node, &place);
        }
        *after = heard.last;
        Held::Goes
    }

    /// Runs as a replica: says something outside of any call, however often it takes.
    pub(crate) async fn say(&self, node: &Node, text: &str) {
        let mut batch = Batch::new(vec![quoted(text)], None);
        loop {
            match node.gets.append(&self.session, &mut batch).await {
                Ok(Appended::Done { .. }) => {
                    self.note(node, &format!("{text} was appended"));
                    self.told.lock().said.insert(format!("\"{text}\""));
                    return;
                }
                Ok(_) => return,
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// Runs as a replica: reads the upstream's stream whenever that is this replica's to do.
    pub(crate) async fn read_upstream(&self, node: &Node) {
        loop {
            if let Some((owner, lease)) = node.fleet.replica().hold() {
                let boot = node.boot.clone();
                let claimant = Claimant { owner, boot };
                let claim = node
                    .gets
                    .claim_upstream(self.session.name(), UPSTREAM, "s", &claimant);
                if let Ok(Claim::Mine { place, version, .. }) = claim.await {
                    let at = place.and_then(|place| place.parse().ok()).unwrap_or(0);
                    self.note(node, &format!("reads the upstream behind {at}"));
                    let reading = self.read_on(node, &claimant, version, at);
                    tokio::select! {
                        biased;
                        () = lease.lost() => {}
                        () = reading => {}
                    }
                }
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    async fn read_on(&self, node: &Node, claimant: &Claimant, claimed: mcpg_cluster::Version, mut at: u64) {
        loop {
            if self.told.lock().upstream <= at {
                sleep(PAUSE).await;
                continue;
            }
            let text = format!("up{}", at + 1);
            let place = UpstreamPlace {
                upstream: UPSTREAM.to_owned(),
                claimant: claimant.clone(),
                claimed,
                event: Some((at + 1).to_string()),
            };
            let mut batch = Batch::new(vec![quoted(&text)], Some(place));
            loop {
                match node.gets.append(&self.session, &mut batch).await {
                    Ok(Appended::Done { .. }) => break,
                    Ok(_) => return,
                    Err(_) => sleep(PAUSE).await,
                }
            }
            self.note(node, &format!("{text} was appended"));
            self.told.lock().said.insert(format!("\"{text}\""));
            at += 1;
        }
    }

    /// At the end, when every stream was read to its end: what was said has arrived.
    pub(crate) fn check(&self) {
        let told = self.told.lock();
        let upstream = (1..=told.upstream).map(|number| format!("\"up{number}\""));
        let all = told.said.iter().cloned().chain(upstream);
        for text in all {
            if !told.received.contains_key(&text) {
                self.world.violated(format!("{text} was said and never arrived"));
            }
        }
    }

    fn note(&self, node: &Node, what: &str) {
        let who = Some(node.replica.index());
        self.world.note(who, &format!("the client {what}"));
    }
}

fn quoted(text: &str) -> Said {
    let raw = RawValue::from_string(format!("\"{text}\""));
    Said::Message(raw.expect("letters in quotes are JSON"))
}
