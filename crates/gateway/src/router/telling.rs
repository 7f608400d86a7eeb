//! Telling streams of levels.
//!
//! A level is told on the first living GET stream of a session, with an event id that says how far the stream was told;
//! nothing is written for it. What a session wants is read from its record after its stream was attached, and again
//! whenever somebody says that it changed.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use mcpg_capabilities::levels::{Due, Feed, Level, Levels, Teller, Wants};
use mcpg_capabilities::sessions::{SessionError, SessionId};
use mcpg_mcp::write;
use parking_lot::Mutex;
use serde_json::value::to_raw_value;
use tokio::time::sleep;
use tracing::debug;

use super::core::Router;

/// The pause before a session's record is asked for again.
const PAUSE: Duration = Duration::from_millis(500);

/// A GET stream that is attached here.
pub(super) trait LevelStream: Send + Sync + 'static {
    /// The session.
    fn session(&self) -> &SessionId;

    /// The stream's number in its session.
    fn id(&self) -> u64;

    /// Whether it is the first living one of its session.
    fn is_first(&self) -> bool;

    /// Up to where its client was told on this stream; `None` on a new one.
    fn feed(&self) -> Option<u64>;

    /// Sends a level with the position up to which the client is told then; `false`: the stream has ended.
    fn tell_level(&self, position: u64, message: &Bytes) -> bool;
}

/// The streams of this replica, and how far each was told.
pub(super) struct Tellings {
    levels: Arc<Levels>,
    streams: Mutex<HashMap<(SessionId, u64), Arc<Telling>>>,
}

struct Telling {
    stream: Weak<dyn LevelStream>,
    /// `None` until the session's record was read.
    teller: Mutex<Option<Teller>>,
    /// One reading at a time.
    looking: tokio::sync::Mutex<()>,
}

impl Tellings {
    pub(super) fn new(levels: Arc<Levels>) -> Self {
        Self {
            levels,
            streams: Mutex::default(),
        }
    }

    /// The telling of a stream, new for a stream that was not seen before.
    fn of(&self, stream: &Arc<dyn LevelStream>) -> Arc<Telling> {
        let mut streams = self.streams.lock();
        streams.retain(|_, telling| telling.stream.strong_count() > 0);
        let key = (stream.session().clone(), stream.id());
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
}

impl Telling {
    fn is_of(&self, stream: &Arc<dyn LevelStream>) -> bool {
        std::ptr::addr_eq(self.stream.as_ptr(), Arc::as_ptr(stream))
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
            if !tell(stream.as_ref(), &due) {
                return;
            }
            teller.told(due.position);
        }
        teller.told(feed.last());
    }
}

fn tell(stream: &dyn LevelStream, due: &Due) -> bool {
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
    /// A stream was attached or became the first one, or what its session wants may have changed: never blocks.
    pub(super) fn greet_stream(self: &Arc<Self>, stream: &Arc<dyn LevelStream>) {
        let telling = self.tellings.of(stream);
        let router = Arc::clone(self);
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
            let session = stream.session().clone();
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

    fn looked(&self, telling: &Telling, looked: &Feed, uris: &indexmap::IndexSet<String>, levels_from: u64) {
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
                        missed.iter().all(|due| tell(stream.as_ref(), due));
                    }
                }
                None => {
                    let offered = self.changing_lists();
                    let wants = Wants {
                        tools: offered.tools,
                        prompts: offered.prompts,
                        resources: offered.resources,
                        uris,
                    };
                    let position = stream.feed().unwrap_or(levels_from);
                    *teller = Some(Teller::new(position, wants, looked.last()));
                }
            }
        }
        if let Some(feed) = self.levels.feed() {
            telling.tell(&feed);
        }
    }

    /// A session has other subscriptions now. Whoever holds a stream of it reads them.
    pub(super) async fn wants_changed(&self, session: &super::start::SessionRef) {
        let _ = session;
    }
}
