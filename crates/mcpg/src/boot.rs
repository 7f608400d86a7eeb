//! Puts everything together, runs it, and stops it in order.

use std::sync::Arc;
use std::time::Duration;

use mcpg_config::app::{AppConfig, Transport};
use mcpg_config::{Environment, Loaded, Places, Source};
use mcpg_gateway::Gateway;
use tracing::{info, warn};

use crate::admin::{Admin, Serving, Told};
use crate::banner::{self, Introduction};
use crate::command_line::Run;
use crate::coordinator;
use crate::failure::Failure;
use crate::logging;
use crate::member::Member;
use crate::metrics::Metrics;
use crate::pipe;
use crate::places;
use crate::readiness::{Identity, Readiness, Reason};
use crate::signals::{AuditLog, Hangup, Signals};
use crate::status::{Status, StatusMail};
use crate::stop::{self, Running};

/// How long what is still running may take to be cut off.
const CUT_OFF: Duration = Duration::from_millis(500);
/// How long the last lines of the audit log may take.
const LAST_LINES: Duration = Duration::from_secs(5);

/// Runs the gateway until it is told to stop.
pub(crate) fn run(run: &Run) -> Result<(), Failure> {
    let (config, places, label) = load(run)?;
    // Before anything takes a handle.
    let metrics = match config.observability.metrics.enabled {
        true => Some(Metrics::start()?),
        false => None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::boot(
                &format!("the runtime cannot start: {error}"),
                "free some resources",
            )
        })?;
    let audit = AuditLog::default();
    runtime
        .block_on(async { Hangup::listen().map(|hangup| tokio::spawn(hangup.reopen(audit.clone()))) })
        .map_err(|error| cannot_listen(&error))?;
    let outcome = runtime.block_on(serve(config, metrics, &places, &label, &audit));
    // Whatever is still running had its time.
    match audit.get() {
        // What is cut off has its lines too, so the log is closed last.
        Some(audit) => {
            runtime.shutdown_timeout(CUT_OFF);
            audit.close(LAST_LINES);
        }
        None => runtime.shutdown_background(),
    }
    outcome
}

/// Reads the configuration and starts the log, which tells what deserves a look in it.
fn load(run: &Run) -> Result<(AppConfig, Places, String), Failure> {
    let environment = Environment::of_process();
    let sources = run.files.sources(&environment)?;
    let Loaded {
        mut config,
        warnings,
        label,
        places,
    } = mcpg_config::load(&sources, &environment)?;
    if run.stdio {
        config.gateway.server.transport = Transport::Stdio;
    }
    if config.gateway.server.transport == Transport::Stdio && sources.contains(&Source::StandardInput) {
        return Err(Failure::usage(
            "standard input cannot be the configuration and the client at once",
            "pass the configuration as a file when the client speaks over standard input",
        ));
    }
    logging::start(&config.observability.logs);
    for warning in warnings {
        warn!(message = "The configuration deserves a look.", %warning);
    }
    Ok((config, places, label))
}

fn cannot_listen(error: &std::io::Error) -> Failure {
    Failure::boot(
        &format!("signals cannot be caught: {error}"),
        "check the process limits",
    )
}

async fn serve(
    config: AppConfig,
    metrics: Option<Metrics>,
    places: &Places,
    label: &str,
    audit: &AuditLog,
) -> Result<(), Failure> {
    let readiness = Readiness::starting(config.gateway.readiness);
    let admin = Admin::bind(&config.gateway.admin).await?;
    let told = Told {
        readiness: readiness.clone(),
        status: Arc::default(),
        metrics,
    };
    let admin = admin.map(|admin| admin.serve(told.clone()));
    let opened = places::open(&config.mcp.configurations, config.cluster.is_single_node())?;
    let coordinator = coordinator::choose(&config, places, label).await?;
    readiness.introduce(Identity {
        node: coordinator.node().to_owned(),
        coordinator: coordinator.kind().to_owned(),
    });
    let mut signals = Signals::listen().map_err(|error| cannot_listen(&error))?;
    let pinned = config.mcp.configurations.pinned();
    let drain_delay = config.gateway.server.drain_delay;
    let introduction = Introduction {
        path: config.gateway.server.mcp_path.clone(),
        needs_key: config.governance.access.requires_identity(),
        label: label.to_owned(),
    };
    let mut member = tokio::select! {
        joined = Member::join(&coordinator, &config, opened) => joined?,
        _ = signals.next() => return Ok(()),
    };
    let parts = member.parts();
    if let Some(metrics) = &told.metrics {
        metrics.observe(&parts, coordinator.connection());
    }
    let gateway = tokio::select! {
        started = Gateway::start(config, member.parts()) => started?,
        _ = signals.next() => {
            member.leave().await;
            return Ok(());
        }
    };
    if let Some(log) = gateway.audit() {
        audit.set(log);
    }
    let status = Status::of(&gateway, parts, coordinator.as_ref(), &readiness, pinned);
    member.receive(StatusMail::before(gateway.mail_handler(), &status));
    // It is set once.
    let _ = told.status.set(status);
    member.watch_over(coordinator.connection(), &readiness);
    readiness.remove(Reason::Starting);
    let (signal, served) = match gateway.address() {
        Some(address) => {
            let admin = admin.as_ref().map(Serving::address);
            banner::print(&gateway, address, &introduction, admin);
            info!(message = "Serving.", %address, coordinator = coordinator.kind());
            (Some(signals.next().await), Ok(()))
        }
        // When a pipe has ended there is nobody left to lead elsewhere.
        None => {
            let ended = pipe::serve(&gateway, coordinator.kind(), &mut signals).await;
            (None, ended)
        }
    };
    let running = Running {
        gateway,
        member,
        coordinator,
        readiness,
        drain_delay: stop::delay(signal, drain_delay, admin.is_some()),
    };
    running.stop(&mut signals).await;
    // Whoever asks is answered until the very end.
    drop(admin);
    info!("Stopped.");
    served
}
