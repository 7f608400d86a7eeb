//! What `/metrics` answers.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::StreamExt as _;
use mcpg_capabilities::fleet::Fleet;
use mcpg_capabilities::sessions::Sessions;
use mcpg_cluster::{Connection, ConnectionStream};
use mcpg_gateway::Parts;
use mcpg_metrics::BUCKETS;
use mcpg_metrics::table::{
    BUILD, COORDINATOR_RECONNECTS, COORDINATOR_UP, READY, REPLICA_LEASE_HELD, SESSIONS_MINTED_HERE,
    SESSIONS_REMEMBERED, VIEW_AGE, VIEW_FRESH,
};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

use crate::failure::Failure;
use crate::readiness::Readiness;

/// How often observations of histograms are added up, which are kept one by one until then.
const ADD_UP_EVERY: Duration = Duration::from_secs(5);

/// The numbers of this process. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    handle: PrometheusHandle,
    /// What is looked at when somebody asks.
    observed: Arc<OnceLock<Observed>>,
}

struct Observed {
    fleet: Arc<Fleet>,
    sessions: Arc<Sessions>,
}

impl Metrics {
    /// Counts from now on. Whoever takes a handle earlier counts nothing.
    ///
    /// # Errors
    /// When something in this process counts already, which is a mistake in the program.
    pub(crate) fn start() -> Result<Self, Failure> {
        let failed = |why: String| Failure::boot(&why, "report this as a bug of mcpg");
        let recorder = recorder().map_err(|error| failed(format!("metrics cannot be kept: {error}")))?;
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder)
            .map_err(|error| failed(format!("metrics cannot be kept: {error}")))?;
        mcpg_metrics::describe();
        BUILD.set(&[env!("CARGO_PKG_VERSION")], 1.0);
        Ok(Self {
            handle,
            observed: Arc::default(),
        })
    }

    /// Shows the state of this replica and of its connection from now on, and adds up in the background what was
    /// observed, so that it takes no memory when nobody asks.
    pub(crate) fn observe(&self, parts: &Parts, connection: ConnectionStream) {
        let observed = Observed {
            fleet: Arc::clone(&parts.fleet),
            sessions: Arc::clone(&parts.sessions),
        };
        // A process joins one fleet; a second one would not be shown.
        let _ = self.observed.set(observed);
        tokio::spawn(follow(connection));
        let handle = self.handle.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(ADD_UP_EVERY).await;
                handle.run_upkeep();
            }
        });
    }

    /// The answer to `/metrics`.
    pub(crate) fn render(&self, readiness: &Readiness) -> String {
        READY.set(&[], truth(readiness.is_ready()));
        if let Some(Observed { fleet, sessions }) = self.observed.get() {
            let counts = sessions.counts();
            SESSIONS_REMEMBERED.set(&[], count(counts.remembered));
            SESSIONS_MINTED_HERE.set(&[], count(counts.minted_here));
            let age = fleet.view().age().map(|age| age.as_secs_f64());
            VIEW_AGE.set(&[], age.unwrap_or(f64::INFINITY));
            VIEW_FRESH.set(&[], truth(fleet.view().is_fresh()));
            REPLICA_LEASE_HELD.set(&[], truth(fleet.replica().owner().is_some()));
        }
        self.handle.render()
    }
}

/// Shows for as long as the coordinator is open whether it is reached.
async fn follow(mut connection: ConnectionStream) {
    let mut was_up = false;
    let mut came_back = None;
    while let Some(state) = connection.next().await {
        was_up = matches!(state, Connection::Up(_));
        if let Connection::Up(number) = state
            && came_back.replace(number).is_some_and(|known| known != number)
        {
            COORDINATOR_RECONNECTS.count(&[]);
        }
        COORDINATOR_UP.set(&[], truth(was_up));
    }
    if was_up {
        COORDINATOR_UP.set(&[], 0.0);
    }
}

fn recorder() -> Result<metrics_exporter_prometheus::PrometheusRecorder, BuildError> {
    Ok(PrometheusBuilder::new().set_buckets(BUCKETS)?.build_recorder())
}

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// Counts of sessions are far below what a float tells apart.
fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}
