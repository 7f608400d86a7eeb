//! A replica that holds subscriptions and tells clients of levels, and the upstream that it subscribes at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::{Replica, World};
use crate::catalogues::{Catalogues, Finisher};
use crate::fleet::{Fleet, FleetOptions};
use crate::leader::Work;
use crate::levels::{Levels, LevelsParts};
use crate::mailbox::{Handled, LookAgain, MailHandler, Mailbox, MailboxConfig, Note};
use crate::owner::{BootId, Judge as _};
use crate::random;
use crate::replica::boots;
use crate::simulation::node::VALIDITY;
use crate::store::Formats;
use crate::subscriptions::{
    Keeper, NotSubscribed, SubscriptionName, Subscriptions, SubscriptionsConfig, SubscriptionsParts,
};
use crate::view::View;

/// How long records of subscriptions live.
const TTL: Duration = Duration::from_secs(300);

/// The upstream: who is subscribed to what, and when what was updated last.
#[derive(Default)]
pub(crate) struct Upstream {
    subscribed: Mutex<BTreeSet<(usize, String)>>,
    ways: Mutex<BTreeMap<usize, mpsc::UnboundedSender<String>>>,
    pub(crate) updated: Mutex<BTreeMap<String, Instant>>,
}

impl Upstream {
    /// A resource is updated, and whoever is subscribed is told.
    pub(crate) fn update(&self, world: &World, uri: &str) {
        world.note(None, &format!("{uri} is updated"));
        self.updated.lock().insert(uri.to_owned(), Instant::now());
        let ways = self.ways.lock();
        for (replica, known) in self.subscribed.lock().iter() {
            if known == uri
                && let Some(way) = ways.get(replica)
            {
                let _ = way.send(uri.to_owned());
            }
        }
    }
}

struct Way {
    upstream: Arc<Upstream>,
    replica: usize,
}

#[async_trait]
impl Keeper for Way {
    async fn subscribe(&self, _: &str, uri: &str) -> Result<(), NotSubscribed> {
        sleep(Duration::from_millis(5)).await;
        self.upstream
            .subscribed
            .lock()
            .insert((self.replica, uri.to_owned()));
        Ok(())
    }

    async fn unsubscribe(&self, _: &str, uri: &str) {
        self.upstream
            .subscribed
            .lock()
            .remove(&(self.replica, uri.to_owned()));
    }
}

/// One boot of one replica.
#[derive(Clone)]
pub(crate) struct Station {
    pub(crate) replica: Replica,
    pub(crate) boot: BootId,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) levels: Arc<Levels>,
    pub(crate) mailbox: Mailbox,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) catalogues: Catalogues,
    /// Wakes whoever holds streams here.
    pub(crate) woken: Arc<tokio::sync::Notify>,
}

struct Handler {
    view: Arc<View>,
    subscriptions: Subscriptions,
    woken: Arc<tokio::sync::Notify>,
}

#[async_trait]
impl MailHandler for Handler {
    async fn look(&self, note: &Note) -> Result<(), LookAgain> {
        self.woken.notify_waiters();
        self.subscriptions
            .look(&note.at)
            .await
            .map(drop)
            .map_err(|_| LookAgain)
    }

    async fn execute(&self, _: &str, _: Bytes) -> Handled {
        Handled::Refused
    }

    fn missed_notes(&self) {
        self.woken.notify_waiters();
    }

    fn acknowledged(&self, name: &str, boot: &BootId) {
        self.view.acknowledged(name, boot.clone());
    }
}

struct Chores {
    fleet: Arc<Fleet>,
    subscriptions: Subscriptions,
    finisher: Finisher,
}

impl Work for Chores {
    async fn round(&mut self) {
        let key_value = &self.fleet.primitives().key_value;
        for boot in boots::list(key_value.as_ref()).await.unwrap_or_default() {
            if matches!(self.fleet.replica().is_dead(&boot.owner).await, Ok(true)) {
                let _ = self.subscriptions.take_over_from(&boot.id, None, 100).await;
            }
        }
        let _ = self.finisher.round().await;
        sleep(Duration::from_secs(1)).await;
    }
}

impl Station {
    /// Boots three replicas. Those that die meanwhile are not among them.
    pub(crate) async fn boot_all(world: &World, upstream: &Arc<Upstream>) -> Vec<Self> {
        let mut stations = Vec::new();
        for name in ["a", "b", "c"] {
            stations.extend(Self::boot(world, upstream, name).await);
        }
        stations
    }

    async fn boot(world: &World, upstream: &Arc<Upstream>, name: &str) -> Option<Self> {
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
        let station = Self::of(replica, fleet);
        station.start(upstream);
        Some(station)
    }

    fn of(replica: Replica, fleet: Arc<Fleet>) -> Self {
        let primitives = fleet.primitives().clone();
        let boot = fleet.replica().boot().clone();
        let levels = Levels::new(LevelsParts {
            key_value: Arc::clone(&primitives.key_value),
            pubsub: Arc::clone(&primitives.pubsub),
            incarnation: Arc::clone(fleet.incarnation()),
            formats: Arc::<Formats>::default(),
        });
        let mailbox = Mailbox::new(
            Arc::clone(&primitives.key_value),
            primitives.pubsub,
            Arc::clone(fleet.clock()),
            MailboxConfig::new(boot.clone(), fleet.support().min_ttl),
        );
        let subscriptions = Subscriptions::new(SubscriptionsParts {
            key_value: Arc::clone(&primitives.key_value),
            replica: Arc::clone(fleet.replica()),
            mailbox: mailbox.clone(),
            levels: Arc::clone(&levels),
            formats: Arc::<Formats>::default(),
            config: SubscriptionsConfig {
                ttl: TTL,
                patience: Duration::from_secs(5),
            },
        });
        let catalogues = Catalogues::new(
            primitives.key_value,
            Arc::clone(fleet.view()),
            Arc::clone(&levels),
        );
        Self {
            replica,
            boot,
            levels,
            mailbox,
            subscriptions,
            catalogues,
            fleet,
            woken: Arc::default(),
        }
    }

    fn start(&self, upstream: &Arc<Upstream>) {
        let (way, mut heard) = mpsc::unbounded_channel::<String>();
        let index = self.replica.index();
        upstream.ways.lock().insert(index, way);
        self.subscriptions.keep_with(Arc::new(Way {
            upstream: Arc::clone(upstream),
            replica: index,
        }));
        let fleet = Arc::clone(&self.fleet);
        self.replica.start(async move { fleet.run().await });
        let levels = Arc::clone(&self.levels);
        self.replica.start(async move { levels.run().await });
        let subscriptions = self.subscriptions.clone();
        self.replica.start(async move { subscriptions.run().await });
        let (subscriptions, levels) = (self.subscriptions.clone(), Arc::clone(&self.levels));
        self.replica.start(async move {
            while let Some(uri) = heard.recv().await {
                if subscriptions.held_at("up").contains(&uri) {
                    levels.raise_soon(crate::levels::Raised::resource(uri));
                }
            }
        });
        let handler = Arc::new(Handler {
            view: Arc::clone(self.fleet.view()),
            subscriptions: self.subscriptions.clone(),
            woken: Arc::clone(&self.woken),
        });
        let mailbox = self.mailbox.clone();
        self.replica
            .start(async move { mailbox.run(handler, std::future::pending()).await });
        let (leadership, mut chores) = (
            self.fleet.leadership(),
            Chores {
                fleet: Arc::clone(&self.fleet),
                subscriptions: self.subscriptions.clone(),
                finisher: Finisher::new(self.catalogues.clone()),
            },
        );
        self.replica
            .start(async move { leadership.run(&mut chores, std::future::pending()).await });
    }
}

/// The subscription to a resource of the one upstream there is.
pub(crate) fn subscription(uri: &str) -> SubscriptionName {
    SubscriptionName::new("up", "configured", uri)
}
