//! A coordinator as one replica sees it.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use mcpg_cluster::{
    Connection, ConnectionStream, Coordinator, Cursor, Entry, Error, ErrorKind, EventStream, Expect, Grant,
    Holder, Key, KeyValue, Lease, LeaseRequest, Membership, Page, PeerEventStream, PeerInfo, Presence,
    Primitives, PubSub, Result, Support, Survival, Token, TokenSurvival, TtlClock, TtlSlack, Value, Version,
    Watch, WatchChanges, WatchStream,
};
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedReceiver;

use super::World;
use super::answer::{Answer, Request};

/// How long a replica's lease lasts without renewal.
pub(crate) const LEASE_TTL: Duration = Duration::from_secs(15);

/// One replica's way to the world's backend.
pub(crate) struct SimCoordinator {
    line: Arc<Line>,
    node: String,
    primitives: Primitives,
}

/// What all primitives of one replica share.
struct Line {
    world: World,
    replica: usize,
}

impl SimCoordinator {
    pub(super) fn new(world: World, replica: usize, node: &str) -> Self {
        let line = Arc::new(Line { world, replica });
        let primitives = Primitives {
            key_value: Arc::<Line>::clone(&line),
            pubsub: Arc::<Line>::clone(&line),
            lease: Arc::<Line>::clone(&line),
            watch: Arc::<Line>::clone(&line),
            presence: Arc::<Line>::clone(&line),
        };
        Self {
            line,
            node: node.to_owned(),
            primitives,
        }
    }
}

#[async_trait]
impl Coordinator for SimCoordinator {
    fn kind(&self) -> &str {
        "simulated"
    }

    fn node(&self) -> &str {
        &self.node
    }

    fn support(&self) -> Support {
        let mut support = Support::weakest();
        support.acked_survives_crash = Survival::Yes;
        support.acked_survives_failover = None;
        support.stale_reads = self.line.world.with(|state| state.faults.stale_reads);
        support.tokens_survive_memory_loss = TokenSurvival::Yes;
        support.ttl_clock = TtlClock::Server;
        support.ttl_slack = TtlSlack::NONE;
        support.min_ttl = Duration::from_millis(1);
        support.max_ttl = None;
        support.lease_ttl = LEASE_TTL;
        support.watch_changes = WatchChanges::Latest;
        support.watch_sees_expiry = true;
        support
    }

    fn primitives(&self) -> &Primitives {
        &self.primitives
    }

    fn connection(&self) -> ConnectionStream {
        let Line { world, replica } = &*self.line;
        let (world, replica) = (world.clone(), *replica);
        let changes = world.with(|state| state.replicas[replica].connection.subscribe());
        let start = (changes, true, world);
        stream::unfold(start, move |(mut changes, first, world)| async move {
            world.gate(replica).await;
            if !first {
                changes.changed().await.ok()?;
                world.gate(replica).await;
            }
            let now: Connection = *changes.borrow_and_update();
            Some((now, (changes, false, world)))
        })
        .boxed()
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

impl Line {
    async fn call(&self, request: Request) -> Result<Answer> {
        self.world.call(self.replica, request).await
    }

    fn stream<T: Send + 'static>(
        &self,
        arriving: UnboundedReceiver<Result<T>>,
    ) -> stream::BoxStream<'static, Result<T>> {
        let start = (arriving, self.world.clone());
        let replica = self.replica;
        stream::unfold(start, move |(mut arriving, world)| async move {
            world.gate(replica).await;
            let event = arriving.recv().await;
            world.gate(replica).await;
            event.map(|event| (event, (arriving, world)))
        })
        .boxed()
    }
}

/// The answer's shape follows from the request; anything else is a mistake in this file.
fn mistaken<T>(answer: &Answer) -> Result<T> {
    Err(Error::new(
        ErrorKind::Internal,
        format!("unexpected answer {answer}"),
    ))
}

#[async_trait]
impl KeyValue for Line {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        match self.call(Request::Get(key.clone())).await? {
            Answer::Entry(entry) => Ok(entry),
            other => mistaken(&other),
        }
    }

    async fn put(&self, key: &Key, value: Value, expect: Expect, ttl: Option<Duration>) -> Result<Version> {
        let key = key.clone();
        match self
            .call(Request::Put {
                key,
                value,
                expect,
                ttl,
            })
            .await?
        {
            Answer::Version(version) => Ok(version),
            other => mistaken(&other),
        }
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<()> {
        self.call(Request::Delete(key.clone(), expect)).await.map(drop)
    }

    async fn list(&self, scope: &[u8], prefix: &[u8], cursor: Option<&Cursor>, limit: usize) -> Result<Page> {
        let request = Request::List {
            scope: Bytes::copy_from_slice(scope),
            prefix: Bytes::copy_from_slice(prefix),
            cursor: cursor.cloned(),
            limit,
        };
        match self.call(request).await? {
            Answer::Page(page) => Ok(page),
            other => mistaken(&other),
        }
    }

    async fn touch(&self, key: &Key, ttl: Duration, expect: Version) -> Result<Version> {
        match self.call(Request::Touch(key.clone(), ttl, expect)).await? {
            Answer::Version(version) => Ok(version),
            other => mistaken(&other),
        }
    }
}

#[async_trait]
impl Lease for Line {
    async fn acquire(&self, request: &LeaseRequest) -> Result<Option<Grant>> {
        match self.call(Request::Acquire(request.clone())).await? {
            Answer::Grant(grant) => Ok(grant),
            other => mistaken(&other),
        }
    }

    async fn renew(&self, request: &LeaseRequest, token: Token) -> Result<Grant> {
        match self.call(Request::Renew(request.clone(), token)).await? {
            Answer::Grant(Some(grant)) => Ok(grant),
            other => mistaken(&other),
        }
    }

    async fn release(&self, name: &[u8], token: Token) -> Result<()> {
        let name = Bytes::copy_from_slice(name);
        self.call(Request::Release(name, token)).await.map(drop)
    }

    async fn holder(&self, name: &[u8]) -> Result<Option<Holder>> {
        match self.call(Request::Holder(Bytes::copy_from_slice(name))).await? {
            Answer::Holder(holder) => Ok(holder),
            other => mistaken(&other),
        }
    }
}

#[async_trait]
impl PubSub for Line {
    async fn publish(&self, topic: &[u8], payload: Bytes) -> Result<()> {
        let request = Request::Publish(Bytes::copy_from_slice(topic), payload);
        self.call(request).await.map(drop)
    }

    async fn subscribe(&self, topic: &[u8]) -> Result<EventStream> {
        match self
            .call(Request::Subscribe(Bytes::copy_from_slice(topic)))
            .await?
        {
            Answer::Messages(messages) => Ok(self.stream(messages)),
            other => mistaken(&other),
        }
    }
}

#[async_trait]
impl Watch for Line {
    async fn watch(&self, scope: &[u8], prefix: &[u8]) -> Result<WatchStream> {
        let (scope, prefix) = (Bytes::copy_from_slice(scope), Bytes::copy_from_slice(prefix));
        match self.call(Request::Watch(scope, prefix)).await? {
            Answer::Changes(changes) => Ok(self.stream(changes)),
            other => mistaken(&other),
        }
    }
}

/// Nothing that decides anything may ask for presence, so nobody is ever seen here.
#[async_trait]
impl Presence for Line {
    async fn join(&self, _info: PeerInfo) -> Result<Box<dyn Membership>> {
        struct Stay;
        #[async_trait]
        impl Membership for Stay {
            async fn leave(self: Box<Self>) -> Result<()> {
                Ok(())
            }
        }
        Ok(Box::new(Stay))
    }

    async fn peers(&self) -> Result<Vec<PeerInfo>> {
        Ok(Vec::new())
    }

    async fn peer_events(&self) -> Result<PeerEventStream> {
        Ok(stream::pending().boxed())
    }
}
