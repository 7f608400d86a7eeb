//! Puts everything together, runs it, and stops it in order.

use std::sync::Arc;

use mcpg_capabilities::mac::MacKey;
use mcpg_capabilities::sessions::{Sessions, SessionsConfig};
use mcpg_cluster::{Coordinator, Nonce};
use mcpg_config::app::{AppConfig, Cluster};
use mcpg_config::{Environment, Loaded};
use mcpg_gateway::{Gateway, Parts};
use mcpg_single_node::SingleNode;
use tracing::{info, warn};

use crate::banner;
use crate::command_line::CommandLine;
use crate::failure::Failure;
use crate::logging;
use crate::signals::Signals;

/// Runs the gateway until it is told to stop.
pub(crate) fn run(command_line: &CommandLine) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let sources = command_line.sources(&environment)?;
    let Loaded {
        config,
        warnings,
        label,
    } = mcpg_config::load(&sources, &environment)?;
    logging::start(&config.observability.logs);
    for warning in warnings {
        warn!(message = "The configuration deserves a look.", %warning);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::boot(
                &format!("the runtime cannot start: {error}"),
                "free some resources",
            )
        })?;
    let outcome = runtime.block_on(serve(config, &label));
    // Whatever is still running had its time.
    runtime.shutdown_background();
    outcome
}

async fn serve(config: AppConfig, label: &str) -> Result<(), Failure> {
    let coordinator = coordinator(&config.cluster)?;
    let mut signals = Signals::listen().map_err(|error| {
        Failure::boot(
            &format!("signals cannot be caught: {error}"),
            "check the process limits",
        )
    })?;
    let path = config.gateway.server.mcp_path.clone();
    let parts = parts(coordinator.as_ref(), &config).await?;
    let gateway = tokio::select! {
        started = Gateway::start(config, parts) => started?,
        () = signals.next() => return Ok(()),
    };
    banner::print(&gateway, &path, label);
    info!(message = "Serving.", address = %gateway.address(), coordinator = coordinator.kind());
    signals.next().await;
    tokio::select! {
        () = gateway.stop() => {}
        () = signals.next() => warn!("Told to stop a second time: not waiting any longer."),
    }
    if let Err(error) = coordinator.close().await {
        warn!(message = "The coordinator did not close cleanly.", %error);
    }
    info!("Stopped.");
    Ok(())
}

/// Chooses the coordinator; nothing else in the gateway knows its kind.
fn coordinator(cluster: &Cluster) -> Result<Arc<dyn Coordinator>, Failure> {
    if cluster.is_single_node() {
        return Ok(Arc::new(SingleNode::new()));
    }
    Err(Failure::boot(
        &format!(
            "cluster.kind is {}, and this release has only single_node",
            cluster.kind
        ),
        "set cluster.kind to single_node or leave the cluster block out",
    ))
}

async fn parts(coordinator: &dyn Coordinator, config: &AppConfig) -> Result<Parts, Failure> {
    let unreachable = |error: mcpg_cluster::Error| {
        Failure::boot(
            &format!("the coordinator {} cannot be used: {error}", coordinator.kind()),
            "check the cluster block",
        )
    };
    let key_value = &coordinator.primitives().key_value;
    let mac = MacKey::load(key_value).await.map_err(unreachable)?;
    let server = &config.gateway.server;
    let sessions = Sessions::new(
        Arc::clone(key_value),
        mac.clone(),
        SessionsConfig {
            idle_timeout: server.session_idle_timeout,
            max_sessions: server.max_sessions,
        },
    );
    let boot_id = Nonce::random().map_err(unreachable)?.to_string();
    Ok(Parts {
        sessions: Arc::new(sessions),
        mac,
        boot_id: boot_id[..16].to_owned(),
    })
}
