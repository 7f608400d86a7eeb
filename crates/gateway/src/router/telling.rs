//! Telling streams of levels.
//!
//! A level is told on the first living GET stream of a session, with an event id that says how far the stream was told;
//! nothing is written for it. What a session wants is read from its record after its stream was attached, and again
//! whenever somebody says that it changed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use indexmap::IndexSet;
use mcpg_capabilities::levels::{Due, Feed, Level, Teller, Wants, wants_note};
use mcpg_capabilities::owner::BootId;
use mcpg_capabilities::sessions::{SessionError, SessionId};
use mcpg_mcp::write;
use parking_lot::Mutex;
use serde_json::value::to_raw_value;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::debug;

use super::core::Router;
use super::get_streams::{HeldStream, LevelSource};
use crate::exchange::CallError;

/// The pause before a session's record is asked for again.
const PAUSE: Duration = Duration::from_millis(500);

/// The streams of this replica, and how far each was told.
#[derive(Default)]
pub(super) struct Tellings {
    streams: Mutex<HashMap<(SessionId, u64), Arc<Telling>>>,
}

struct Telling {
    stream: Weak<HeldStream>,
    /// `None` until the session's record was read.
    teller: Mutex<Option<Teller>>,
    /// One reading at a time.
    looking: tokio::sync::Mutex<()>,
}

impl Tellings {
    /// The telling of a stream, new for a stream that was not seen before.
    fn of(&self, stream: &Arc<HeldStream>) -> Arc<Telling> {
        let mut streams = self.streams.lock();
        streams.retain(|_, telling| telling.stream.strong_count() > 0);
        let key = (stream.session().id.clone(), stream.id());
        match streams.get(&key) {
            Some(telling) if telling.is_of(stream) => Arc::clone(telling),
            // A client that came back to the same stream has another connection.
            _ => {
                let telling = Arc::new(Telling {
                    stream: Arc::downgrade(stream),
                    teller: Mutex::default(),
                    looking: tokio::sync::Mutex::default(),
                });
                streams.insert(key, Arc::clone(&telling));
                telling
            }
        }
    }

    fn all(&self) -> Vec<Arc<Telling>> {
        self.streams.lock().values().map(Arc::clone).collect()
    }

    fn of_session(&self, session: &str) -> Vec<Arc<Telling>> {
        let streams = self.streams.lock();
        let of_session = streams.iter().filter(|((id, _), _)| id.name() == session);
        of_session.map(|(_, telling)| Arc::clone(telling)).collect()
    }
}

impl Telling {
    fn is_of(&self, stream: &Arc<HeldStream>) -> bool {
        std::ptr::eq(self.stream.as_ptr(), Arc::as_ptr(stream))
    }

    /// Tells what is due, if this is the stream to tell it on.
    fn tell(&self, feed: &Feed) {
        let Some(stream) = self.stream.upgrade().filter(|stream| stream.is_first()) else {
            return;
        };
        let mut teller = self.teller.lock();
        let Some(teller) = teller.as_mut() else {
            return;
        };
        for due in teller.due(feed) {
            if !tell(&stream, &due) {
                return;
            }
            teller.told(due.position);
        }
        teller.told(feed.last());
    }
}

fn tell(stream: &HeldStream, due: &Due) -> bool {
    stream.tell_level(due.position, &message(&due.level))
}

fn message(level: &Level) -> Bytes {
    let (method, params) = match level {
        Level::Tools => ("notifications/tools/list_changed", None),
        Level::Prompts => ("notifications/prompts/list_changed", None),
        Level::Resources => ("notifications/resources/list_changed", None),
        Level::Resource(uri) => {
            let params = to_raw_value(&serde_json::json!({ "uri": uri }));
            ("notifications/resources/updated", params.ok())
        }
    };
    write::notification(method, params.as_deref())
}

impl Router {
    /// Lets the streams of a session read what it wants.
    pub(super) fn look_at_wants(&self, session: &str) {
        for telling in self.tellings.of_session(session) {
            self.look_soon(telling);
        }
    }

    /// Lets every stream of this replica read what its session wants.
    pub(super) fn look_at_all_wants(&self) {
        for telling in self.tellings.all() {
            self.look_soon(telling);
        }
    }

    fn look_soon(&self, telling: Arc<Telling>) {
        let Some(router) = self.me.upgrade() else {
            return;
        };
        self.tasks.spawn(async move {
            let stop = router.stop.clone();
            stop.run_until_cancelled(router.look_and_tell(&telling)).await;
        });
    }

    /// Tells every stream of this replica what changes, until the gateway stops.
    pub(super) async fn tell_levels(self: Arc<Self>) {
        let mut position = 0;
        loop {
            self.levels.moved_on(position).await;
            position = self.levels.position();
            let Some(feed) = self.levels.feed() else {
                continue;
            };
            for telling in self.tellings.all() {
                telling.tell(&feed);
            }
        }
    }

    /// Reads what the session of a stream wants, however often that takes, and tells what is due.
    async fn look_and_tell(&self, telling: &Telling) {
        let _one_at_a_time = telling.looking.lock().await;
        loop {
            let Some(stream) = telling.stream.upgrade() else {
                return;
            };
            let session = stream.session().id.clone();
            drop(stream);
            // Before the record is read: whatever the session subscribes to later is updated later still.
            let looked = self.levels.feed();
            match (looked, self.sessions.current(&session).await) {
                (Some(looked), Ok(record)) => {
                    self.looked(telling, &looked, &record.subscriptions, record.levels_from);
                    return;
                }
                (_, Err(SessionError::Unknown)) => return,
                (None, Ok(_)) => {}
                (_, Err(error)) => {
                    debug!(message = "What a session wants to be told could not be read yet.", %session, %error);
                }
            }
            sleep(PAUSE).await;
        }
    }

    fn looked(&self, telling: &Telling, looked: &Feed, uris: &IndexSet<String>, levels_from: u64) {
        let Some(stream) = telling.stream.upgrade() else {
            return;
        };
        {
            let mut teller = telling.teller.lock();
            match teller.as_mut() {
                Some(teller) => {
                    let missed = teller.look(uris, looked.last(), looked);
                    if stream.is_first() {
                        // One that cannot be told is told when the client comes back.
                        missed.iter().all(|due| tell(&stream, due));
                    }
                }
                None => {
                    // 0 is what the ids of a stream say that was not told of any level yet.
                    let told = stream.feed().filter(|feed| *feed != 0);
                    let position = told.unwrap_or(levels_from);
                    *teller = Some(Teller::new(position, self.wanted(uris), looked.last()));
                }
            }
        }
        if let Some(feed) = self.levels.feed() {
            telling.tell(&feed);
        }
    }

    /// Tells a client that has one stream for everything, until its session is gone or nobody takes `messages` any more.
    /// What it wants is read anew whenever anything has changed: there is one such client, and nobody to tell of it.
    pub(crate) async fn tell_over_a_pipe(self: Arc<Self>, session: SessionId, messages: mpsc::Sender<Bytes>) {
        let mut teller: Option<Teller> = None;
        let mut position = 0;
        loop {
            self.levels.moved_on(position).await;
            let Some(feed) = self.levels.feed() else {
                position = 0;
                continue;
            };
            position = feed.last();
            let record = match self.sessions.current(&session).await {
                Ok(record) => record,
                Err(SessionError::Unknown) => return,
                Err(error) => {
                    debug!(message = "What a session wants to be told could not be read yet.", %session, %error);
                    sleep(PAUSE).await;
                    position = 0;
                    continue;
                }
            };
            let uris = &record.subscriptions;
            let is_new = teller.is_none();
            let teller =
                teller.get_or_insert_with(|| Teller::new(record.levels_from, self.wanted(uris), position));
            let mut due = match is_new {
                true => Vec::new(),
                false => teller.look(uris, position, &feed),
            };
            due.extend(teller.due(&feed));
            for due in due {
                if messages.send(message(&due.level)).await.is_err() {
                    return;
                }
            }
            teller.told(position);
        }
    }

    /// What a session wants that subscribed to these resources: whatever may change.
    fn wanted<'a>(&self, uris: &'a IndexSet<String>) -> Wants<'a> {
        let offered = self.changing_lists();
        Wants {
            tools: offered.tools,
            prompts: offered.prompts,
            resources: offered.resources,
            uris,
        }
    }

    /// A session has other subscriptions now. Whoever holds a stream of it is told to read them. Who attaches one later
    /// reads them after it stands in the record that is read here, so nobody misses them.
    ///
    /// # Errors
    /// Why somebody could not be told: then the client must not be told that it is subscribed.
    pub(super) async fn wants_changed(&self, session: &SessionId) -> Result<(), CallError> {
        let not_told = |error: &dyn std::fmt::Display| {
            CallError::NotStarted(format!(
                "who holds streams of the session could not be told: {error}"
            ))
        };
        let holders = self.gets.streams.holders(session.name()).await;
        let Some((version, boots)) = holders.map_err(|error| not_told(&error))? else {
            return Ok(());
        };
        let boots: HashSet<BootId> = boots.into_iter().collect();
        for boot in boots {
            if boot == *self.heads.replica.boot() {
                self.look_at_wants(session.name());
                continue;
            }
            let woken = self
                .mailbox
                .wake(&boot, &wants_note(session.name(), version))
                .await;
            woken.map_err(|error| not_told(&error))?;
        }
        Ok(())
    }
}

/// Tells streams that are attached here of levels.
pub(super) struct Levelling {
    router: Weak<Router>,
}

impl Levelling {
    pub(super) fn of(router: &Arc<Router>) -> Arc<Self> {
        Arc::new(Self {
            router: Arc::downgrade(router),
        })
    }
}

impl LevelSource for Levelling {
    fn greet(&self, stream: &Arc<HeldStream>) {
        let Some(router) = self.router.upgrade() else {
            return;
        };
        let telling = router.tellings.of(stream);
        if telling.teller.lock().is_none() {
            router.look_soon(telling);
        } else if let Some(feed) = router.levels.feed() {
            // It may be the first one now.
            telling.tell(&feed);
        }
    }
}
