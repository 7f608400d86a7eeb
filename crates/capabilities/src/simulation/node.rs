//! A replica with everything that it runs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::{Replica, World};
use crate::calls::{Calls, CallsConfig};
use crate::delivery::LogLimits;
use crate::delivery::get::{GetConfig, GetParts, GetStreams};
use crate::fleet::{Fleet, FleetOptions};
use crate::leader::Work;
use crate::mac::MacKey;
use crate::mailbox::{Handled, LookAgain, MailHandler, Mailbox, MailboxConfig, Note};
use crate::owner::BootId;
use crate::random;
use crate::sessions::{Reaper, SessionError, SessionRecord, Sessions, SessionsConfig, SessionsParts};
use crate::testing::tester;
use crate::view::View;

/// How long a view is fresh in these worlds.
pub(crate) const VALIDITY: Duration = Duration::from_secs(2);
/// After how long an unused session expires, at least.
pub(crate) const IDLE: Duration = Duration::from_secs(60);

/// How many bytes the streams of one principal may hold: some runs want more.
pub(crate) const BUDGET: u64 = 128 * 1024;

/// One boot of one replica.
#[derive(Clone)]
pub(crate) struct Node {
    world: World,
    pub(crate) replica: Replica,
    pub(crate) boot: BootId,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) calls: Calls,
    pub(crate) gets: GetStreams,
    pub(crate) mailbox: Mailbox,
    /// Tells of each note that this replica is to look at.
    pub(crate) looks: Arc<Notify>,
}

/// What the leader does.
struct Chores {
    reaper: Reaper,
}

impl Work for Chores {
    async fn round(&mut self) {
        let _ = self.reaper.round().await;
        sleep(self.reaper.interval()).await;
    }
}

/// What a replica does with its mail: a request is executed by writing its body into the world's book.
struct Handler {
    world: World,
    replica: usize,
    view: Arc<View>,
    looks: Arc<Notify>,
}

#[async_trait]
impl MailHandler for Handler {
    async fn look(&self, _: &Note) -> Result<(), LookAgain> {
        self.looks.notify_waiters();
        Ok(())
    }

    async fn execute(&self, _: &str, body: Bytes) -> Handled {
        let text = String::from_utf8_lossy(&body).into_owned();
        self.world.note(Some(self.replica), &format!("executes {text}"));
        self.world.book(&format!("executed {text}"));
        Handled::Answered(body)
    }

    fn missed_notes(&self) {}

    fn acknowledged(&self, session: &str, boot: &BootId) {
        self.view.acknowledged(session, boot.clone());
    }
}

impl Node {
    /// Boots a replica, however often it takes. `None` means that it died meanwhile.
    pub(crate) async fn boot(world: &World, name: &str) -> Option<Self> {
        Self::boot_with(world, name, IDLE).await
    }

    /// Boots three replicas.
    pub(crate) async fn boot_all(world: &World) -> Vec<Self> {
        let mut nodes = Vec::new();
        for name in ["a", "b", "c"] {
            nodes.extend(Self::boot(world, name).await);
        }
        nodes
    }

    /// Boots a replica whose sessions expire after `idle_timeout`.
    pub(crate) async fn boot_with(world: &World, name: &str, idle_timeout: Duration) -> Option<Self> {
        let replica = world.replica(name);
        let (coordinator, clock) = (replica.coordinator(), replica.clock());
        let joining = async move {
            loop {
                let boot = u64::from_be_bytes(random::bytes());
                let options = FleetOptions {
                    clock: Arc::clone(&clock),
                    ..FleetOptions::new(BootId::new(format!("{boot:016x}")), VALIDITY)
                };
                match Fleet::join(Arc::clone(&coordinator), options).await {
                    Ok(fleet) => return fleet,
                    Err(_) => sleep(Duration::from_millis(200)).await,
                }
            }
        };
        let fleet = replica.run(joining).await?;
        let node = Self::of(world, replica, fleet, idle_timeout);
        node.start();
        Some(node)
    }

    fn of(world: &World, replica: Replica, fleet: Arc<Fleet>, idle_timeout: Duration) -> Self {
        let primitives = fleet.primitives();
        let sessions = Arc::new(Sessions::new(SessionsParts {
            key_value: Arc::clone(&primitives.key_value),
            mac: MacKey::new([7; 16]),
            view: Arc::clone(fleet.view()),
            incarnation: Arc::clone(fleet.incarnation()),
            support: fleet.support().clone(),
            config: SessionsConfig {
                idle_timeout,
                max_sessions: 1_000,
            },
        }));
        let boot = fleet.replica().boot().clone();
        let calls = Calls::new(
            Arc::clone(&primitives.key_value),
            Arc::clone(fleet.replica()) as _,
            Arc::clone(fleet.clock()),
            CallsConfig {
                stale_reads: fleet.support().stale_reads,
                bytes_per_principal: BUDGET,
                ..CallsConfig::new(boot.clone(), sessions.record_ttl())
            },
        );
        let gets = GetStreams::new(
            GetParts {
                key_value: Arc::clone(&primitives.key_value),
                judge: Arc::clone(fleet.replica()) as _,
                living: Arc::clone(fleet.replica()) as _,
                mac: MacKey::new([7; 16]),
            },
            GetConfig {
                boot: boot.clone(),
                record_ttl: sessions.record_ttl(),
                patience: Duration::from_secs(5),
                stale_reads: fleet.support().stale_reads,
                max_ttl: None,
                max_value_bytes: fleet.support().max_value_bytes,
                limits: LogLimits::default(),
            },
        );
        let mailbox = Mailbox::new(
            Arc::clone(&primitives.key_value),
            Arc::clone(&primitives.pubsub),
            Arc::clone(fleet.clock()),
            MailboxConfig::new(boot.clone(), fleet.support().min_ttl),
        );
        Self {
            world: world.clone(),
            replica,
            boot,
            fleet,
            sessions,
            calls,
            gets,
            mailbox,
            looks: Arc::default(),
        }
    }

    fn start(&self) {
        let fleet = Arc::clone(&self.fleet);
        self.replica.start(async move { fleet.run().await });
        let (leadership, mut chores) = (
            self.fleet.leadership(),
            Chores {
                reaper: Reaper::new(Arc::clone(&self.sessions)),
            },
        );
        self.replica
            .start(async move { leadership.run(&mut chores, std::future::pending()).await });
        let handler = Arc::new(Handler {
            world: self.world.clone(),
            replica: self.replica.index(),
            view: Arc::clone(self.fleet.view()),
            looks: Arc::clone(&self.looks),
        });
        let mailbox = self.mailbox.clone();
        self.replica
            .start(async move { mailbox.run(handler, std::future::pending()).await });
    }

    /// Opens a session, however often it takes.
    pub(crate) async fn open_session(&self) -> Option<String> {
        let sessions = Arc::clone(&self.sessions);
        let creating = async move {
            loop {
                match sessions.create(&tester(), record()).await {
                    Ok((id, _)) => return id.as_str().to_owned(),
                    Err(_) => sleep(Duration::from_millis(200)).await,
                }
            }
        };
        self.replica.run(creating).await
    }

    /// Waits until the view is fresh.
    pub(crate) async fn fresh(&self) {
        while !self.fleet.view().is_fresh() {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// One request of a session. `None`: the replica died.
    pub(crate) async fn admit(&self, session: &str) -> Option<Result<(), SessionError>> {
        let (sessions, session) = (Arc::clone(&self.sessions), session.to_owned());
        let admitting = async move { sessions.admit(&tester(), &session).await.map(drop) };
        self.replica.run(admitting).await
    }

    /// A change of a session that leaves `mark` in its record.
    pub(crate) async fn change(&self, session: &str, mark: &str) -> Option<Result<(), SessionError>> {
        let (sessions, session, mark) = (Arc::clone(&self.sessions), session.to_owned(), mark.to_owned());
        let changing = async move {
            let admitted = sessions.admit(&tester(), &session).await?;
            let change = |record: &mut SessionRecord| {
                let raw = RawValue::from_string("1".to_owned()).expect("a number is JSON");
                record.upstreams.insert(mark.clone(), raw);
                true
            };
            sessions.change(&admitted.id, change).await.map(drop)
        };
        self.replica.run(changing).await
    }

    /// A DELETE.
    pub(crate) async fn close(&self, session: &str) -> Option<Result<(), SessionError>> {
        let (sessions, session) = (Arc::clone(&self.sessions), session.to_owned());
        let closing = async move { sessions.close(&tester(), &session).await.map(drop) };
        self.replica.run(closing).await
    }
}

fn record() -> SessionRecord {
    let capabilities = RawValue::from_string("{}".to_owned()).expect("an empty object is JSON");
    SessionRecord::new("2025-11-25", capabilities.into(), None)
}
