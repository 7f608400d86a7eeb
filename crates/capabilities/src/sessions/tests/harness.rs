//! Replicas of one deployment in one process, on a clock that tests can move.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mcpg_cluster::{Coordinator, KeyValue, TokioClock};
use mcpg_single_node::SingleNode;
use tokio::task::JoinHandle;

use crate::fleet::{Fleet, FleetOptions};
use crate::mac::MacKey;
use crate::mailbox::{Handled, LookAgain, MailHandler, Mailbox, MailboxConfig, Note};
use crate::owner::BootId;
use crate::sessions::{
    Admitted, SessionError, SessionId, SessionRecord, Sessions, SessionsConfig, SessionsParts,
};
use crate::store::Formats;
use crate::testing::tester;
use crate::view::View;

pub(super) const IDLE: Duration = Duration::from_secs(60);
pub(super) const VALIDITY: Duration = Duration::from_secs(2);

/// A replica that stops like a killed one when it is dropped.
pub(super) struct TestReplica {
    pub(super) sessions: Arc<Sessions>,
    pub(super) fleet: Arc<Fleet>,
    running: JoinHandle<()>,
}

/// Hears acknowledgements.
struct Hears(Arc<View>);

#[async_trait]
impl MailHandler for Hears {
    async fn look(&self, _: &Note) -> Result<(), LookAgain> {
        Ok(())
    }

    fn missed_notes(&self) {}

    async fn execute(&self, _: &str, _: Bytes) -> Handled {
        Handled::Refused
    }

    fn acknowledged(&self, session: &str, boot: &BootId) {
        self.0.acknowledged(session, boot.clone());
    }
}

impl Deref for TestReplica {
    type Target = Arc<Sessions>;

    fn deref(&self) -> &Arc<Sessions> {
        &self.sessions
    }
}

impl Drop for TestReplica {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl TestReplica {
    /// Stops everything that this replica does in the background.
    pub(super) fn stop_background(&self) {
        self.running.abort();
    }

    pub(super) async fn create(
        &self,
        record: SessionRecord,
    ) -> Result<(SessionId, Arc<SessionRecord>), SessionError> {
        self.sessions.create(&tester(), record).await
    }

    pub(super) async fn admit(&self, id: &str) -> Result<Admitted, SessionError> {
        self.sessions.admit(&tester(), id).await
    }

    pub(super) async fn close(&self, id: &str) -> Result<SessionId, SessionError> {
        self.sessions.close(&tester(), id).await
    }

    /// Waits until the view is fresh.
    pub(super) async fn fresh(&self) {
        while !self.fleet.view().is_fresh() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

pub(super) fn backend() -> SingleNode {
    SingleNode::new()
}

pub(super) fn key_value(backend: &SingleNode) -> Arc<dyn KeyValue> {
    Arc::clone(&backend.primitives().key_value)
}

pub(super) async fn replica(backend: &SingleNode) -> TestReplica {
    with_limit(backend, 10_000).await
}

pub(super) async fn with_limit(backend: &SingleNode, max_sessions: usize) -> TestReplica {
    let coordinator: Arc<dyn Coordinator> = Arc::new(backend.another_replica());
    let key_value = Arc::clone(&coordinator.primitives().key_value);
    on(coordinator, key_value, max_sessions).await
}

/// A replica of the release whose newest layout of records is `native`.
pub(super) async fn of_release(backend: &SingleNode, native: u32) -> TestReplica {
    let coordinator: Arc<dyn Coordinator> = Arc::new(backend.another_replica());
    let key_value = Arc::clone(&coordinator.primitives().key_value);
    start(coordinator, key_value, 10, Arc::new(Formats::new(native))).await
}

/// A replica whose sessions go through `key_value`, which a test may have wrapped.
pub(super) async fn on(
    coordinator: Arc<dyn Coordinator>,
    key_value: Arc<dyn KeyValue>,
    max_sessions: usize,
) -> TestReplica {
    start(coordinator, key_value, max_sessions, Arc::default()).await
}

async fn start(
    coordinator: Arc<dyn Coordinator>,
    key_value: Arc<dyn KeyValue>,
    max_sessions: usize,
    formats: Arc<Formats>,
) -> TestReplica {
    let mac = MacKey::load(&key_value).await.unwrap();
    let boot = BootId::from(mcpg_cluster::Nonce::random().unwrap().to_string());
    let options = FleetOptions {
        clock: Arc::new(TokioClock::new()),
        formats,
        ..FleetOptions::new(boot, VALIDITY)
    };
    let fleet = Fleet::join(coordinator, options).await.unwrap();
    let sessions = Sessions::new(SessionsParts {
        key_value,
        mac,
        view: Arc::clone(fleet.view()),
        incarnation: Arc::clone(fleet.incarnation()),
        support: fleet.support().clone(),
        config: SessionsConfig {
            idle_timeout: IDLE,
            max_sessions,
        },
    });
    let background = Arc::clone(&fleet);
    let mailbox = Mailbox::new(
        Arc::clone(&fleet.primitives().key_value),
        Arc::clone(&fleet.primitives().pubsub),
        Arc::clone(fleet.clock()),
        MailboxConfig::new(fleet.replica().boot().clone(), Duration::from_secs(1)),
    );
    let hears = Arc::new(Hears(Arc::clone(fleet.view())));
    let running = tokio::spawn(async move {
        let receiving = mailbox.run(hears, std::future::pending());
        tokio::join!(background.run(), receiving);
    });
    let replica = TestReplica {
        sessions: Arc::new(sessions),
        fleet,
        running,
    };
    replica.fresh().await;
    replica
}

/// Three replicas.
pub(super) async fn fleet_of(backend: &SingleNode) -> [TestReplica; 3] {
    [
        replica(backend).await,
        replica(backend).await,
        replica(backend).await,
    ]
}
