//! This process as a member of the fleet: joined at boot, kept up in the background, left in order.

use std::sync::Arc;
use std::time::Duration;

use mcpg_capabilities::calls::Calls;
use mcpg_capabilities::catalogues::{Catalogues, Finisher};
use mcpg_capabilities::delivery::get::GetStreams;
use mcpg_capabilities::fleet::{Fleet, FleetOptions};
use mcpg_capabilities::inherit::Inherited;
use mcpg_capabilities::leader::Work;
use mcpg_capabilities::levels::Levels;
use mcpg_capabilities::mac::MacKey;
use mcpg_capabilities::mailbox::{MailHandler, Mailbox};
use mcpg_capabilities::owner::BootId;
use mcpg_capabilities::replica::JoinError;
use mcpg_capabilities::sessions::{Reaper, Sessions};
use mcpg_capabilities::subscriptions::Subscriptions;
use mcpg_capabilities::sweeper::Sweeper;
use mcpg_cluster::{ConnectionStream, Coordinator, Membership, Nonce, PeerId, PeerInfo};
use mcpg_config::app::{AppConfig, Server};
use mcpg_gateway::Parts;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::capabilities;
use crate::failure::Failure;
use crate::places::Opened;
use crate::readiness::{Health, IsFailing, Readiness};

/// How many characters of a random number name a boot: 64 bits.
const BOOT_ID: usize = 16;
/// The pause between two looks for changes of lists that nobody announced to the end.
const FINISH_EVERY: Duration = Duration::from_secs(2);
/// The pause before the key for ids is asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How long one write of a record is tried to be settled.
pub(crate) const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);

/// This process as a member of the fleet.
pub(crate) struct Member {
    fleet: Arc<Fleet>,
    sessions: Arc<Sessions>,
    calls: Calls,
    /// Whether a cancel is to find a call that runs elsewhere.
    cancels: bool,
    gets: GetStreams,
    mailbox: Mailbox,
    levels: Arc<Levels>,
    catalogues: Catalogues,
    subscriptions: Subscriptions,
    mac: MacKey,
    presence: Option<Box<dyn Membership>>,
    background: JoinSet<()>,
    chores: JoinHandle<()>,
    stop: CancellationToken,
    /// Until somebody looks after it.
    is_store_failing: Option<IsFailing>,
}

impl Member {
    /// Joins the fleet that meets at `coordinator`.
    pub(crate) async fn join(
        coordinator: &Arc<dyn Coordinator>,
        config: &AppConfig,
        opened: Opened,
    ) -> Result<Self, Failure> {
        let server = &config.gateway.server;
        let fleet = join_fleet(coordinator, server).await?;
        let boot = fleet.replica().boot().clone();
        let mac = MacKey::load(&fleet.primitives().key_value)
            .await
            .map_err(|error| unusable(coordinator.kind(), &error))?;
        let Inherited {
            sessions: records,
            delivery,
            cancellation,
            subscriptions: interests,
        } = opened.inherit(coordinator.as_ref());
        let is_shared = records.is_shared;
        let store = opened.prepare(records, &fleet, &mac).await.map_err(|error| {
            Failure::boot(
                &format!("mcp.configurations.sessions.store cannot be used: {error}"),
                "check the disk that it lies on",
            )
        })?;
        let sessions = capabilities::sessions(store, &fleet, server);
        let kept = &config.mcp.configurations.delivery;
        let calls = capabilities::calls(&delivery.records, &fleet, sessions.record_ttl(), kept);
        let gets = capabilities::gets(&delivery.records, &fleet, &mac, sessions.record_ttl(), kept);
        let mailbox = capabilities::mailbox(&fleet);
        let levels = capabilities::levels(&delivery, &fleet);
        let catalogues = capabilities::catalogues(&delivery.records, &fleet, &levels);
        let is_subscriptions_shared = interests.is_shared;
        let subscriptions =
            capabilities::subscriptions(&interests, &fleet, &mailbox, &levels, sessions.record_ttl());
        let stop = CancellationToken::new();
        let leadership = fleet.leadership();
        let mut reaper = Reaper::new(Arc::clone(&sessions));
        let mut background = JoinSet::new();
        let mut chores = Chores {
            pause: Sweeper::pause(fleet.support().lease_ttl),
            reaper: match is_shared {
                true => Some(reaper),
                // No leader finds what lies here.
                false => {
                    background.spawn(async move { reap(&mut reaper).await });
                    None
                }
            },
            sweeper: Sweeper {
                key_value: Arc::clone(&fleet.primitives().key_value),
                judge: Arc::clone(fleet.replica()) as _,
                calls: calls.clone(),
                mailbox: mailbox.clone(),
                subscriptions: is_subscriptions_shared.then(|| subscriptions.clone()),
                gets: delivery.records.is_shared.then(|| gets.clone()),
            },
            finisher: Finisher::new(catalogues.clone()),
        };
        let stopped = stop.clone().cancelled_owned();
        let chores = tokio::spawn(async move { leadership.run(&mut chores, stopped).await });
        let mut member = Self {
            chores,
            stop,
            cancels: cancellation.is_some(),
            calls,
            gets,
            mailbox,
            levels,
            catalogues,
            subscriptions,
            presence: be_present(coordinator.as_ref(), &boot).await,
            fleet,
            sessions,
            mac,
            background,
            is_store_failing: Some(opened.is_failing()),
        };
        member.start_background();
        member.agree_on_ids();
        Ok(member)
    }

    /// What the gateway needs of this.
    pub(crate) fn parts(&self) -> Parts {
        Parts {
            fleet: Arc::clone(&self.fleet),
            calls: self.calls.clone(),
            cancels: self.cancels.then(|| self.calls.clone()),
            gets: self.gets.clone(),
            mailbox: self.mailbox.clone(),
            levels: Arc::clone(&self.levels),
            catalogues: self.catalogues.clone(),
            subscriptions: self.subscriptions.clone(),
            sessions: Arc::clone(&self.sessions),
            mac: self.mac.clone(),
        }
    }

    /// Receives the mail of this replica from now on.
    pub(crate) fn receive(&mut self, handler: Arc<dyn MailHandler>) {
        let mailbox = self.mailbox.clone();
        self.background
            .spawn(async move { mailbox.run(handler, std::future::pending()).await });
    }

    /// Says from now on what is wrong with this replica or its coordinator.
    pub(crate) fn watch_over(&mut self, connection: ConnectionStream, readiness: &Readiness) {
        let is_store_failing = self.is_store_failing.take().unwrap_or(Box::new(|| false));
        let health = Health::new(
            readiness.clone(),
            self.fleet.replica().take_over_bound(),
            is_store_failing,
        );
        self.background
            .spawn(health.watch(Arc::clone(&self.fleet), connection));
    }

    /// Leaves in order, after the gateway has stopped.
    pub(crate) async fn leave(mut self) {
        self.stop.cancel();
        // The leader's lease is given back before everything else ends.
        let chores = tokio::time::timeout(OPERATION_TIMEOUT, self.chores).await;
        if chores.is_err() {
            debug!("The leader's lease was not given back in time and runs out.");
        }
        self.background.shutdown().await;
        self.fleet.release().await;
        if let Some(presence) = self.presence.take()
            && let Err(error) = presence.leave().await
        {
            debug!(message = "The other replicas were not told that this one leaves.", %error);
        }
        self.fleet.leave().await;
    }

    /// When the coordinator lost its data, the key for ids is gone too, and a replica that starts would make another one.
    fn agree_on_ids(&mut self) {
        let (fleet, mac) = (Arc::clone(&self.fleet), self.mac.clone());
        self.background.spawn(async move {
            let mut changes = fleet.incarnation().changes();
            while changes.changed().await.is_ok() {
                while let Err(error) = mac.agree(&fleet.primitives().key_value).await {
                    debug!(message = "The key for ids could not be agreed on yet.", %error);
                    tokio::time::sleep(ASK_AGAIN).await;
                }
            }
        });
    }

    fn start_background(&mut self) {
        let fleet = Arc::clone(&self.fleet);
        self.background.spawn(async move { match fleet.run().await {} });
        let calls = self.calls.clone();
        self.background
            .spawn(async move { match calls.tend_budgets().await {} });
        let levels = Arc::clone(&self.levels);
        self.background.spawn(async move { match levels.run().await {} });
        let subscriptions = self.subscriptions.clone();
        self.background
            .spawn(async move { match subscriptions.run().await {} });
    }
}

/// What one replica does for all.
struct Chores {
    /// `None` where each replica looks after sessions of its own.
    reaper: Option<Reaper>,
    sweeper: Sweeper,
    finisher: Finisher,
    /// Between two rounds of the sweeper.
    pause: Duration,
}

impl Work for Chores {
    /// Upstreams that hang hold up the reaper, but must not hold up the others: none waits for another.
    async fn round(&mut self) {
        let reaping = async {
            match &mut self.reaper {
                Some(reaper) => reap(reaper).await,
                None => std::future::pending().await,
            }
        };
        let finishing = finish(&mut self.finisher);
        tokio::join!(reaping, sweep(&self.sweeper, self.pause), finishing);
    }
}

async fn reap(reaper: &mut Reaper) {
    loop {
        if let Err(error) = reaper.round().await {
            debug!(message = "Expired sessions could not be looked for.", %error);
        }
        tokio::time::sleep(reaper.interval()).await;
    }
}

async fn sweep(sweeper: &Sweeper, pause: Duration) {
    loop {
        sweeper.round().await;
        tokio::time::sleep(pause).await;
    }
}

async fn finish(finisher: &mut Finisher) {
    loop {
        if let Err(error) = finisher.round().await {
            debug!(message = "Changes of lists could not be looked for.", %error);
        }
        tokio::time::sleep(FINISH_EVERY).await;
    }
}

async fn join_fleet(coordinator: &Arc<dyn Coordinator>, server: &Server) -> Result<Arc<Fleet>, Failure> {
    let unusable = |error| unusable(coordinator.kind(), &error);
    let random = Nonce::random().map_err(unusable)?.to_string();
    let options = FleetOptions::new(BootId::new(&random[..BOOT_ID]), server.session_cache);
    let joined = Fleet::join(Arc::clone(coordinator), options).await;
    joined.map_err(|error| match error {
        JoinError::Coordinator(error) => unusable(error),
        in_use => Failure::boot(
            &in_use.to_string(),
            "give each replica its own node id in the cluster block, or stop the other one",
        ),
    })
}

fn unusable(kind: &str, error: &mcpg_cluster::Error) -> Failure {
    Failure::boot(
        &format!("the coordinator {kind} cannot be used: {error}"),
        "check the cluster block and that the backend is reachable",
    )
}

/// Shows this replica to the others. Nothing rests on it, so a failure is no reason not to serve.
async fn be_present(coordinator: &dyn Coordinator, boot: &BootId) -> Option<Box<dyn Membership>> {
    let info = PeerInfo {
        id: PeerId {
            node: coordinator.node().to_owned(),
            boot: boot.as_str().to_owned(),
        },
        details: bytes::Bytes::new(),
    };
    match coordinator.primitives().presence.join(info).await {
        Ok(presence) => Some(presence),
        Err(error) => {
            warn!(message = "This replica is not shown to the others.", %error);
            None
        }
    }
}
