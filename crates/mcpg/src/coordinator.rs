//! Chooses the coordinator; nothing else in the gateway knows its kind.

mod metered;
mod needs;
mod silenced;

use std::sync::Arc;

use mcpg_cluster::Coordinator;
use mcpg_config::app::{AppConfig, Cluster};
use mcpg_config::{Diagnostic, Places, Report};
use mcpg_plugin_entry::{Entry, Validated};
use mcpg_plugin_host::{Plugin, PluginError};
use mcpg_single_node::SingleNode;
use tracing::{info, warn};

use self::metered::Metered;
use self::silenced::Silenced;
use crate::failure::Failure;

/// Opens the coordinator of `cluster.kind` and makes sure that it keeps what the gateway needs.
///
/// # Errors
/// A sentence with cause and remedy for whatever is in the way; mistakes in the `cluster` block all at once.
pub(crate) async fn choose(
    config: &AppConfig,
    places: &Places,
    label: &str,
) -> Result<Arc<dyn Coordinator>, Failure> {
    let coordinator = if config.cluster.is_single_node() {
        Arc::new(SingleNode::new())
    } else {
        open(config, places, label).await?
    };
    if let Err(failure) = check_needs(&*coordinator, config) {
        // The backend should not have to wait for a replica that never comes.
        if let Err(error) = coordinator.close().await {
            warn!(message = "The coordinator did not close cleanly.", %error);
        }
        return Err(failure);
    }
    let coordinator = if silenced::is_asked_for() {
        warn!(
            message = "Every message to other replicas is thrown away, as a variable asks: this is for tests only. Everything arrives late. Remove the variable.",
            variable = silenced::SWITCH
        );
        Arc::new(Silenced::new(coordinator))
    } else {
        coordinator
    };
    if config.observability.metrics.enabled {
        return Ok(Arc::new(Metered::new(coordinator)));
    }
    Ok(coordinator)
}

async fn open(config: &AppConfig, places: &Places, label: &str) -> Result<Arc<dyn Coordinator>, Failure> {
    let plugin = load(config, places, label)?;
    let validated = mcpg_plugin_entry::validate(&plugin, &config.cluster.settings, places).await;
    let Validated { settings, mistakes } = validated
        .map_err(|error| Failure::boot(&error.to_string(), "report this to the author of the plugin"))?;
    if !mistakes.is_empty() {
        let place =
            |mistake: mcpg_plugin_host::Diagnostic| places.mistake("cluster", &mistake.path, mistake.message);
        return Err(report(label, mistakes.into_iter().map(place).collect()));
    }
    let opened = plugin.open(&settings).await;
    let coordinator = opened.map_err(|error| not_opened(&error, &plugin, label))?;
    let manifest = plugin.manifest();
    info!(
        message = "Opened the coordinator.",
        kind = manifest.kind,
        plugin = manifest.id,
        node = coordinator.node(),
        sdk = manifest.sdk
    );
    Ok(coordinator)
}

/// Loads the library of `cluster.kind`.
fn load(config: &AppConfig, places: &Places, label: &str) -> Result<Plugin, Failure> {
    let Some(entry) = Entry::of_coordinator(config) else {
        // The configuration was refused before, so this is only for whoever builds one by hand.
        let id = config.cluster.plugin_id().unwrap_or_default();
        return Err(Failure::boot(
            &format!(
                "cluster.kind {} needs the plugin {id}, and no entry of plugins enables it",
                config.cluster.kind
            ),
            "add the entry",
        ));
    };
    mcpg_plugin_entry::load(entry, places).map_err(|mistake| report(label, vec![*mistake]))
}

fn not_opened(error: &PluginError, plugin: &Plugin, label: &str) -> Failure {
    let kind = &plugin.manifest().kind;
    let cause = format!("the coordinator of cluster.kind {kind} cannot be opened: {error}");
    let remedy = match error {
        PluginError::Garbage { .. } => "report this to the author of the plugin".to_owned(),
        _ => format!("make sure that its backend runs and that the cluster block of {label} leads to it"),
    };
    Failure::boot(&cause, &remedy)
}

fn check_needs(coordinator: &dyn Coordinator, config: &AppConfig) -> Result<(), Failure> {
    let (support, server) = (coordinator.support(), &config.gateway.server);
    let kind = coordinator.kind();
    if let Some(limit) = needs::limit(&support, server) {
        return Err(Failure::boot(
            &format!("{}, and the coordinator {kind} {}", limit.wanted, limit.kept),
            &limit.remedy,
        ));
    }
    let weaknesses = needs::weaknesses(&support);
    if config.gateway.require_durable && !weaknesses.is_empty() {
        return Err(Failure::boot(
            &format!(
                "gateway.require_durable is set, and the coordinator {kind} is too weak: {}",
                weaknesses.join("; ")
            ),
            "configure the backend to keep more, choose another cluster.kind, or remove gateway.require_durable",
        ));
    }
    for weakness in self::weaknesses(coordinator) {
        warn!(message = "The coordinator keeps less than the gateway would like.", kind, %weakness);
    }
    Ok(())
}

/// What the coordinator keeps less well than the gateway would like, each as a part of a sentence.
pub(crate) fn weaknesses(coordinator: &dyn Coordinator) -> Vec<String> {
    // That one process forgets everything with its end is what single_node means.
    if coordinator.kind() == Cluster::SINGLE_NODE {
        return Vec::new();
    }
    needs::weaknesses(&coordinator.support())
}

fn report(label: &str, mut mistakes: Vec<Diagnostic>) -> Failure {
    mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
    Failure::from(Report {
        label: label.to_owned(),
        mistakes,
        warnings: Vec::new(),
    })
}
