//! One replica's place in the fleet: put together, kept up, and left in order.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use mcpg_cluster::{BootClock, Clock, Connection, Coordinator, Primitives, Result, Support};
use tracing::{debug, info, warn};

use crate::incarnation::Incarnation;
use crate::leader::Leadership;
use crate::owner::BootId;
use crate::replica::{JoinError, Replica, ReplicaParts};
use crate::store::Formats;
use crate::timing::sleep_until;
use crate::view::{View, ViewParts};

/// The first pause before the coordinator is asked again; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How a replica takes part.
#[derive(Clone)]
pub struct FleetOptions {
    /// The random id of this boot.
    pub boot: BootId,
    /// How long a view is fresh: `gateway.server.session_cache_ms`.
    pub validity: Duration,
    /// The clock that everything is measured on.
    pub clock: Arc<dyn Clock>,
    /// The layouts of records that this release speaks.
    pub formats: Arc<Formats>,
}

impl FleetOptions {
    /// Takes part with the operating system's clock, which counts the time asleep.
    pub fn new(boot: BootId, validity: Duration) -> Self {
        Self {
            boot,
            validity,
            clock: Arc::new(BootClock),
            formats: Arc::default(),
        }
    }
}

/// One replica's place in the fleet.
pub struct Fleet {
    coordinator: Arc<dyn Coordinator>,
    options: FleetOptions,
    support: Support,
    replica: Arc<Replica>,
    incarnation: Arc<Incarnation>,
    view: Arc<View>,
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Fleet")
            .field("replica", &self.replica)
            .field("view", &self.view)
            .finish_non_exhaustive()
    }
}

impl Fleet {
    /// Joins: takes the replica's lease and compares the coordinator's data with nothing yet known.
    ///
    /// # Errors
    /// [`JoinError`].
    pub async fn join(
        coordinator: Arc<dyn Coordinator>,
        options: FleetOptions,
    ) -> Result<Arc<Self>, JoinError> {
        let Primitives {
            key_value,
            pubsub,
            lease,
            watch,
            ..
        } = coordinator.primitives().clone();
        let support = coordinator.support();
        let incarnation = Arc::new(Incarnation::new(Arc::clone(&key_value)));
        incarnation.compare().await.map_err(JoinError::Coordinator)?;
        let replica = Replica::join(ReplicaParts {
            node: coordinator.node().to_owned(),
            boot: options.boot.clone(),
            key_value: Arc::clone(&key_value),
            lease,
            clock: Arc::clone(&options.clock),
            support: support.clone(),
        })
        .await?;
        let view = View::new(ViewParts {
            boot: options.boot.clone(),
            key_value,
            watch,
            pubsub,
            clock: Arc::clone(&options.clock),
            support: support.clone(),
            validity: options.validity,
            formats: Arc::clone(&options.formats),
        });
        Ok(Arc::new(Self {
            coordinator,
            options,
            support,
            replica,
            incarnation,
            view,
        }))
    }

    /// What the backend guarantees.
    pub fn support(&self) -> &Support {
        &self.support
    }

    /// The coordinator's primitives.
    pub fn primitives(&self) -> &Primitives {
        self.coordinator.primitives()
    }

    /// This process among the replicas.
    pub fn replica(&self) -> &Arc<Replica> {
        &self.replica
    }

    /// Whether the coordinator still holds what it held.
    pub fn incarnation(&self) -> &Arc<Incarnation> {
        &self.incarnation
    }

    /// Whether what is remembered may be used.
    pub fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// The clock that everything is measured on.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.options.clock
    }

    /// The layouts of records that this replica speaks.
    pub fn formats(&self) -> &Arc<Formats> {
        &self.options.formats
    }

    /// Asks the coordinator for something small, to see whether it answers.
    ///
    /// # Errors
    /// The coordinator's.
    pub async fn ask(&self) -> Result<()> {
        self.incarnation.ask().await
    }

    /// How this replica becomes the leader.
    pub fn leadership(&self) -> Leadership {
        Leadership {
            lease: Arc::clone(&self.primitives().lease),
            clock: Arc::clone(&self.options.clock),
            boot: self.options.boot.clone(),
            ttl: self.support.lease_ttl,
        }
    }

    /// Keeps the replica's place until it is dropped; [`leave`](Self::leave) is to follow then.
    pub async fn run(&self) -> Infallible {
        tokio::select! {
            biased;
            never = self.follow_connection() => never,
            never = self.follow_changes() => never,
            never = self.replica.run() => never,
            never = self.view.run() => never,
        }
    }

    /// Begins to leave: the cache is not used any more, and the lease is given back.
    pub async fn release(&self) {
        self.view.lose();
        if let Err(error) = self.replica.leave().await {
            debug!(message = "The lease of this replica was not given back and runs out.", %error);
        }
    }

    /// Leaves in order; the heartbeat, which makes this replica a member, goes last.
    pub async fn leave(&self) {
        self.release().await;
        if let Err(error) = self.view.leave().await {
            debug!(message = "The heartbeat of this replica was not taken out and runs out.", %error);
        }
    }

    /// At every reconnect nothing is trusted until the data was compared, and nothing remembered is used.
    async fn follow_connection(&self) -> Infallible {
        // The number of the connection over which the data was compared last; unknown at first.
        let mut compared_over = None;
        loop {
            let mut connection = self.coordinator.connection();
            while let Some(state) = connection.next().await {
                match state {
                    Connection::Up(number) => {
                        let is_known = compared_over.replace(number).is_none_or(|known| known == number);
                        if !is_known || !self.incarnation.is_trusted() {
                            self.reconnected().await;
                        }
                    }
                    Connection::Down => {
                        self.incarnation.distrust();
                        warn!(
                            "The coordinator cannot be reached; requests that need it are answered with 503."
                        );
                    }
                }
            }
            sleep_until(
                self.options.clock.as_ref(),
                self.options.clock.now() + LONGEST_PAUSE,
            )
            .await;
        }
    }

    async fn reconnected(&self) {
        self.incarnation.distrust();
        self.view.lose();
        let mut pause = FIRST_PAUSE;
        while let Err(error) = self.incarnation.compare().await {
            debug!(message = "The coordinator's data could not be compared yet.", %error);
            sleep_until(self.options.clock.as_ref(), self.options.clock.now() + pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        info!("The coordinator is reached again.");
    }

    /// When the coordinator lost its data, whatever was remembered or claimed is void.
    async fn follow_changes(&self) -> Infallible {
        let mut changes = self.incarnation.changes();
        loop {
            // The sender lives in `self`, so waiting cannot fail.
            let _ = changes.changed().await;
            self.view.lose();
            self.replica.renounce();
        }
    }
}
