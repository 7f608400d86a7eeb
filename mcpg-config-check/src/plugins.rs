//! The second layer: what the declared libraries are, and what the coordinator's one says about its keys.

use mcpg_config::{Diagnostic, Loaded, Places};
use mcpg_plugin_entry::{Entry, load, validate};
use mcpg_plugin_host::Plugin;

use crate::output::Failed;

/// Opens every declared library as the gateway does, and lets the chosen one judge the `cluster` block.
///
/// # Errors
/// When no plugin can be asked.
pub(crate) fn check(loaded: &Loaded) -> Result<Vec<Diagnostic>, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(Failed::Runtime)?;
    let mistakes = runtime.block_on(every(loaded));
    // A plugin that never answers has a thread of its own, which is not waited for.
    runtime.shutdown_background();
    Ok(mistakes)
}

async fn every(loaded: &Loaded) -> Vec<Diagnostic> {
    let (config, places) = (&loaded.config, &loaded.places);
    let mut mistakes = Vec::new();
    for entry in Entry::all(config) {
        match load(entry, places) {
            Ok(plugin) if entry.chosen_by.is_some() => {
                mistakes.extend(judge(&plugin, loaded).await);
            }
            Ok(_) => {}
            Err(mistake) => mistakes.push(*mistake),
        }
    }
    mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
    mistakes
}

async fn judge(plugin: &Plugin, loaded: &Loaded) -> Vec<Diagnostic> {
    let places = &loaded.places;
    match validate(plugin, &loaded.config.cluster.settings, places).await {
        Ok(validated) => {
            let schema = &plugin.manifest().config_schema;
            let found = validated.mistakes.into_iter();
            found
                .map(|mistake| places.explained_mistake("cluster", &mistake.path, mistake.message, schema))
                .collect()
        }
        Err(error) => vec![failed(&error.to_string(), places)],
    }
}

fn failed(message: &str, places: &Places) -> Diagnostic {
    let mut mistake = places.mistake("cluster", "", message);
    mistake.hint = Some("report this to the author of the plugin".to_owned());
    mistake
}
