//! What tests of the router stand on: a replica with a coordinator of its own, which may be away.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mcpg_capabilities::calls::{CallKey, Calls, CallsConfig, OpenCall, Opened};
use mcpg_capabilities::fleet::{Fleet, FleetOptions};
use mcpg_capabilities::mac::MacKey;
use mcpg_capabilities::mailbox::{Mailbox, MailboxConfig};
use mcpg_capabilities::owner::BootId;
use mcpg_capabilities::principal::Principal;
use mcpg_capabilities::sessions::{SessionId, SessionRecord, Sessions, SessionsConfig, SessionsParts};
use mcpg_cluster::{
    Coordinator, Cursor, Entry, Error, ErrorKind, Expect, Key, KeyValue, Page, Result, TokioClock, Value,
    Version,
};
use serde_json::value::RawValue;
use tokio_util::task::TaskTracker;

use super::followers::Followers;
use super::head::Heads;
use super::stream::Streams;

/// How long the session of a test may idle.
pub(super) const IDLE: Duration = Duration::from_secs(900);

/// A replica on a coordinator of its own.
pub(super) struct TestReplica {
    pub(super) heads: Arc<Heads>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) session: SessionId,
    pub(super) streams: Arc<Streams>,
    pub(super) way: Arc<Way>,
}

/// The way to the coordinator, which can be closed.
#[derive(Default)]
pub(super) struct Way {
    is_closed: AtomicBool,
    is_slow: AtomicBool,
    puts: AtomicUsize,
}

/// What calls are kept in.
struct Records {
    inner: Arc<dyn KeyValue>,
    way: Arc<Way>,
}

pub(super) fn p() -> Principal {
    Principal::key("p")
}

pub(super) fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

impl Way {
    /// Nothing gets through from now on.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
    }

    pub(super) fn open(&self) {
        self.is_closed.store(false, Ordering::SeqCst);
    }

    /// A write takes its time from now on, so that something can be said meanwhile.
    pub(super) fn slow_down(&self) {
        self.is_slow.store(true, Ordering::SeqCst);
    }

    /// How many writes of calls got through.
    pub(super) fn puts(&self) -> usize {
        self.puts.load(Ordering::SeqCst)
    }

    fn pass(&self) -> Result<()> {
        if self.is_closed.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "out of reach"));
        }
        Ok(())
    }
}

#[async_trait]
impl KeyValue for Records {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        self.way.pass()?;
        self.inner.get(key).await
    }

    async fn put(&self, key: &Key, value: Value, expect: Expect, ttl: Option<Duration>) -> Result<Version> {
        self.way.pass()?;
        self.way.puts.fetch_add(1, Ordering::SeqCst);
        if self.way.is_slow.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.inner.put(key, value, expect, ttl).await
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<()> {
        self.way.pass()?;
        self.inner.delete(key, expect).await
    }

    async fn list(&self, scope: &[u8], prefix: &[u8], cursor: Option<&Cursor>, limit: usize) -> Result<Page> {
        self.way.pass()?;
        self.inner.list(scope, prefix, cursor, limit).await
    }

    async fn touch(&self, key: &Key, ttl: Duration, expect: Version) -> Result<Version> {
        self.way.pass()?;
        self.inner.touch(key, ttl, expect).await
    }
}

impl TestReplica {
    pub(super) async fn start() -> Self {
        Self::with_budget(1 << 26).await
    }

    /// A replica whose clients' streams may hold so many bytes.
    pub(super) async fn with_budget(bytes: u64) -> Self {
        let coordinator: Arc<dyn Coordinator> = Arc::new(mcpg_single_node::SingleNode::new());
        let boot = BootId::new("boot");
        let options = FleetOptions {
            clock: Arc::new(TokioClock::new()),
            ..FleetOptions::new(boot.clone(), Duration::from_secs(2))
        };
        let fleet = Fleet::join(coordinator, options).await.unwrap();
        let mac = MacKey::new([1; 16]);
        let key_value = Arc::clone(&fleet.primitives().key_value);
        let sessions = Arc::new(Sessions::new(SessionsParts {
            key_value: Arc::clone(&key_value),
            mac: mac.clone(),
            view: Arc::clone(fleet.view()),
            incarnation: Arc::clone(fleet.incarnation()),
            support: fleet.support().clone(),
            config: SessionsConfig {
                idle_timeout: IDLE,
                max_sessions: 10,
            },
        }));
        let way = Arc::new(Way::default());
        let records = Records {
            inner: Arc::clone(&key_value),
            way: Arc::clone(&way),
        };
        let calls = Calls::new(
            Arc::new(records),
            Arc::clone(fleet.replica()) as _,
            Arc::clone(fleet.clock()),
            CallsConfig {
                bytes_per_principal: bytes,
                ..CallsConfig::new(boot.clone(), sessions.record_ttl())
            },
        );
        let record = SessionRecord::new("2025-11-25", raw("{}").into(), None);
        let (session, _) = sessions.create(&p(), record).await.unwrap();
        let heads = Arc::new(Heads {
            calls,
            replica: Arc::clone(fleet.replica()),
            mac,
            tasks: TaskTracker::new(),
        });
        let mailbox = Mailbox::new(
            key_value,
            Arc::clone(&fleet.primitives().pubsub),
            Arc::clone(fleet.clock()),
            MailboxConfig::new(boot, Duration::ZERO),
        );
        let streams = Streams {
            heads: Arc::clone(&heads),
            sessions: Arc::clone(&sessions),
            mailbox,
            followers: Arc::new(Followers::default()),
        };
        Self {
            heads,
            sessions,
            session,
            streams: Arc::new(streams),
            way,
        }
    }

    /// The key of a call with this JSON text as its id.
    pub(super) fn key(&self, id: &str) -> CallKey {
        CallKey::new(&self.session, id).unwrap()
    }

    /// A call whose head stands.
    pub(super) async fn open_call(&self, id: &str) -> Box<OpenCall> {
        let owner = self.heads.replica.owner().unwrap();
        let calls = &self.heads.calls;
        let mut opening = calls.opening(self.key(id), owner, calls.now());
        match opening.open().await.unwrap() {
            Opened::Open(call) => call,
            other => panic!("{other:?}"),
        }
    }
}

/// The data of an event, and the sequence number in its id, if it has one.
pub(super) fn decode(replica: &TestReplica, frame: &Bytes) -> (Option<u64>, String) {
    let mut decoder = mcpg_mcp::sse::Decoder::new(1 << 20);
    let mut events = decoder.push(frame).unwrap();
    assert_eq!(events.len(), 1);
    let event = events.remove(0);
    let id = event.id.map(|id| {
        let id = mcpg_capabilities::delivery::EventId::verify(&replica.heads.mac, &replica.session, &id);
        id.unwrap().sequence
    });
    (id, String::from_utf8(event.data.to_vec()).unwrap())
}
