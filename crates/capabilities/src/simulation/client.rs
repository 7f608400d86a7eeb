//! A client that subscribes at any replica and is told of levels on one stream at a time.
//!
//! What the gateway does around the capability is played here: the record of the session, the record that says who holds
//! its stream, and telling.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use indexmap::IndexSet;
use mcpg_cluster::{Expect, Key, KeyValue};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use super::World;
use super::station::{Station, Upstream, subscription};
use crate::levels::{Due, Level, Teller, Wants};
use crate::mailbox::Note;
use crate::owner::BootId;
use crate::weakness::{self, Weakness};

/// What a client knows.
pub(crate) struct Client {
    world: World,
    name: String,
    /// Up to where it was told, as its last event id says.
    position: Mutex<u64>,
    /// When it was told of what last.
    told: Mutex<BTreeMap<String, Instant>>,
    /// Since when it knows that it is subscribed to what.
    subscribed: Mutex<BTreeMap<String, Instant>>,
    /// The connection that counts.
    connection: Mutex<u64>,
}

impl Client {
    /// Opens a session at a replica that knows the feed.
    pub(crate) async fn open(world: &World, name: &str, at: &Station) -> Arc<Self> {
        at.levels.moved_on(0).await;
        Arc::new(Self {
            world: world.clone(),
            name: name.to_owned(),
            position: Mutex::new(at.levels.position()),
            told: Mutex::default(),
            subscribed: Mutex::default(),
            connection: Mutex::default(),
        })
    }

    fn wants_at(&self) -> Key {
        Key::new("wants", Bytes::from(self.name.clone()))
    }

    fn stream_at(&self) -> Key {
        Key::new("get", Bytes::from(self.name.clone()))
    }

    /// Subscribes, however often it takes. `false`: the replica died.
    pub(crate) async fn subscribe(self: &Arc<Self>, at: &Station, uri: &str) -> bool {
        let (client, station, uri) = (Arc::clone(self), at.clone(), uri.to_owned());
        let subscribing = async move {
            let name = subscription(&uri);
            while station.subscriptions.join(&name, &client.name).await.is_err() {
                sleep(Duration::from_millis(300)).await;
            }
            let key_value = &station.fleet.primitives().key_value;
            change(key_value, &client.wants_at(), |wants: &mut IndexSet<String>| {
                wants.insert(uri.clone());
            })
            .await;
            client.subscribed.lock().entry(uri).or_insert_with(Instant::now);
            // Whoever holds the stream reads what is wanted now.
            loop {
                match key_value.get(&client.stream_at()).await {
                    Ok(Some(entry)) => {
                        let holder: Option<BootId> = serde_json::from_slice(&entry.value).ok();
                        let note = Note {
                            at: client.stream_at(),
                            version: entry.version,
                        };
                        if let Some(holder) = holder {
                            if holder == station.boot {
                                station.woken.notify_waiters();
                            } else if station.mailbox.wake(&holder, &note).await.is_err() {
                                continue;
                            }
                        }
                        return;
                    }
                    Ok(None) => return,
                    Err(_) => sleep(Duration::from_millis(300)).await,
                }
            }
        };
        at.replica.run(subscribing).await.is_some()
    }

    /// Connects to a replica and goes on where it was; an earlier connection is given up.
    pub(crate) fn connect(self: &Arc<Self>, at: &Station) {
        let number = {
            let mut connection = self.connection.lock();
            *connection += 1;
            *connection
        };
        let position = *self.position.lock();
        self.world
            .note(Some(at.replica.index()), &format!("{} connects", self.name));
        let (client, station) = (Arc::clone(self), at.clone());
        at.replica.start(async move {
            // Coming late it has taken the place of a newer connection, which is closed then: the client comes back.
            if client.hold(&station, number, position).await {
                client.connect(&station);
            }
        });
    }

    fn is_current(&self, number: u64) -> bool {
        *self.connection.lock() == number
    }

    /// Holds a stream until the client has another connection; whether it took the place of that one.
    async fn hold(&self, station: &Station, number: u64, position: u64) -> bool {
        let key_value = &station.fleet.primitives().key_value;
        let before = self.wants(station).await;
        let boot = station.boot.clone();
        change(key_value, &self.stream_at(), |holder: &mut Option<BootId>| {
            *holder = Some(boot.clone());
        })
        .await;
        if !self.is_current(number) {
            return true;
        }
        station.levels.moved_on(0).await;
        let mut looked = station.levels.position();
        let mut wants = match weakness::has(Weakness::NoLookAtAttach) {
            true => before,
            false => self.wants(station).await,
        };
        let from = match weakness::has(Weakness::ToldElsewhere) {
            true => station.levels.position(),
            false => position,
        };
        let mut teller = Teller::new(from, Wants::resources(&wants), looked);
        while self.is_current(number) {
            let Some(feed) = station.levels.feed() else {
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            for due in teller.due(&feed) {
                if !self.tell(number, &due) {
                    return false;
                }
                teller.told(due.position);
            }
            teller.told(feed.last());
            let woken = {
                let mut woken = pin!(station.woken.notified());
                woken.as_mut().enable();
                tokio::select! {
                    biased;
                    () = station.levels.moved_on(feed.last()) => false,
                    () = woken => true,
                    () = sleep(Duration::from_secs(1)) => false,
                }
            };
            if woken && !weakness::has(Weakness::NoLookAtAttach) {
                looked = station.levels.position();
                wants = self.wants(station).await;
                let feed = station.levels.feed().unwrap_or(feed);
                for due in teller.look(&wants, looked, &feed) {
                    if !self.tell(number, &due) {
                        return false;
                    }
                }
            }
        }
        false
    }

    async fn wants(&self, station: &Station) -> IndexSet<String> {
        let key_value = &station.fleet.primitives().key_value;
        loop {
            match key_value.get(&self.wants_at()).await {
                Ok(Some(entry)) => return serde_json::from_slice(&entry.value).expect("a set of texts"),
                Ok(None) => return IndexSet::new(),
                Err(_) => sleep(Duration::from_millis(200)).await,
            }
        }
    }

    /// `false`: nobody reads this connection any more.
    fn tell(&self, number: u64, due: &Due) -> bool {
        if !self.is_current(number) {
            return false;
        }
        *self.position.lock() = due.position;
        if let Level::Resource(uri) = &due.level {
            self.world.note(None, &format!("{} is told of {uri}", self.name));
            self.told.lock().insert(uri.clone(), Instant::now());
        }
        true
    }

    /// Everything that was updated after the client was subscribed was told since.
    pub(crate) fn check(&self, upstream: &Upstream) {
        let (subscribed, told) = (self.subscribed.lock(), self.told.lock());
        for (uri, updated) in upstream.updated.lock().iter() {
            let Some(since) = subscribed.get(uri) else {
                continue;
            };
            if updated > since && told.get(uri).is_none_or(|told| told < updated) {
                self.world
                    .violated(format!("{} was not told of the update of {uri}", self.name));
            }
        }
    }
}

/// Changes a value, however often it takes.
async fn change<T>(key_value: &Arc<dyn KeyValue>, key: &Key, change: impl Fn(&mut T))
where
    T: Default + serde::Serialize + serde::de::DeserializeOwned,
{
    loop {
        if let Ok(found) = key_value.get(key).await {
            let expect = found
                .as_ref()
                .map_or(Expect::Absent, |entry| Expect::Version(entry.version));
            let mut value: T = found.map_or_else(T::default, |entry| {
                serde_json::from_slice(&entry.value).expect("what was written is read")
            });
            change(&mut value);
            let bytes = serde_json::to_vec(&value).expect("it is JSON");
            if key_value.put(key, Bytes::from(bytes), expect, None).await.is_ok() {
                return;
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
}

impl<'a> Wants<'a> {
    fn resources(uris: &'a IndexSet<String>) -> Self {
        Self {
            tools: false,
            prompts: false,
            resources: false,
            uris,
        }
    }
}
