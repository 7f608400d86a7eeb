//! From an entry of `plugins` to a loaded library.

use std::path::Path;

use mcpg_config::Places;
use mcpg_config::app::{AppConfig, PluginEntry};
use mcpg_plugin_host::{Deadlines, Manifest, Plugin, PluginError, find};

use super::{pin, report};
use crate::failure::Failure;

/// Loads the library of `cluster.kind`, after everything was checked that can be checked without running its code.
pub(super) fn load(config: &AppConfig, places: &Places, label: &str) -> Result<Plugin, Failure> {
    let kind = &config.cluster.kind;
    let id = config.cluster.plugin_id().unwrap_or_default();
    let entry = config
        .plugins
        .iter()
        .enumerate()
        .find(|(_, entry)| entry.id == id);
    let Some((index, entry)) = entry.filter(|(_, entry)| !entry.disabled) else {
        // The configuration was refused before, so this is only for whoever builds one by hand.
        return Err(Failure::boot(
            &format!("cluster.kind {kind} needs the plugin {id}, and no entry of plugins enables it"),
            "add the entry",
        ));
    };
    let refuse = |key: &str, message: String, hint: String| {
        let mut mistake = places.mistake("plugins", &format!("/{index}/{key}"), message);
        mistake.hint = Some(hint);
        report(label, vec![mistake])
    };
    let path = find(Path::new(""), &entry.path).map_err(|error| {
        let hint = missing_hint(&error, &entry.path);
        refuse(
            "source/path",
            format!("there is no file {}", entry.path.display()),
            hint,
        )
    })?;
    if let Some(wanted) = &entry.sha256 {
        pin::check(&path, wanted).map_err(|wrong| refuse("source/sha256", wrong.message, wrong.remedy))?;
    }
    let unusable = |error: PluginError| {
        let hint = "build the library of this version again, or correct the path".to_owned();
        refuse("source/path", error.to_string(), hint)
    };
    let manifest = Manifest::read(&path).map_err(unusable)?;
    identity(&manifest, entry, kind).map_err(|(message, hint)| refuse("id", message, hint))?;
    Plugin::load(&path, Deadlines::default()).map_err(unusable)
}

fn missing_hint(error: &PluginError, path: &Path) -> String {
    match error {
        PluginError::Missing { package, .. } => {
            format!("build it with `cargo build --release -p {package}`, or correct the path")
        }
        _ => format!("make {} readable", path.display()),
    }
}

/// Compares what the library says about itself with what it was declared as.
fn identity(manifest: &Manifest, entry: &PluginEntry, kind: &str) -> Result<(), (String, String)> {
    if manifest.id != entry.id {
        let message = format!(
            "the library {} holds the plugin `{}`",
            entry.path.display(),
            manifest.id
        );
        return Err((message, "correct the id or source.path".to_owned()));
    }
    if manifest.kind != kind {
        let message = format!(
            "the plugin says that its kind is `{}`, and `cluster.kind` is `{kind}`",
            manifest.kind
        );
        return Err((message, "report this to the author of the plugin".to_owned()));
    }
    Ok(())
}
