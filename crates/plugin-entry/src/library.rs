//! From an entry of `plugins` to a loaded library.

use std::path::Path;

use mcpg_config::app::{AppConfig, PluginEntry};
use mcpg_config::{Diagnostic, Places};
use mcpg_plugin_host::{Deadlines, Manifest, Plugin, PluginError, find};

use crate::pin;

/// An entry of `plugins` with its place in the list.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'c> {
    /// Which one of the list it is.
    pub index: usize,
    /// What it says.
    pub declared: &'c PluginEntry,
    /// The `cluster.kind` that chooses it; `None` for an entry that is not used.
    pub chosen_by: Option<&'c str>,
}

impl<'c> Entry<'c> {
    /// Lists the entries that are not disabled.
    pub fn all(config: &'c AppConfig) -> impl Iterator<Item = Self> {
        let (cluster, id) = (&config.cluster, config.cluster.plugin_id());
        let entries = config.plugins.iter().enumerate();
        entries
            .filter(|(_, declared)| !declared.disabled)
            .map(move |(index, declared)| Self {
                index,
                declared,
                chosen_by: (id.as_ref() == Some(&declared.id)).then_some(&*cluster.kind),
            })
    }

    /// Finds the entry that `cluster.kind` chooses; there is none for the built-in kind.
    pub fn of_coordinator(config: &'c AppConfig) -> Option<Self> {
        Self::all(config).find(|entry| entry.chosen_by.is_some())
    }
}

/// Loads the library of an entry, after everything was checked that can be checked without running its code.
///
/// # Errors
/// The mistake in the entry that is in the way, at its place.
pub fn load(entry: Entry<'_>, places: &Places) -> Result<Plugin, Box<Diagnostic>> {
    let refuse = |key: &str, message: String, hint: String| {
        let mut mistake = places.mistake("plugins", &format!("/{}/{key}", entry.index), message);
        mistake.hint = Some(hint);
        Box::new(mistake)
    };
    let declared = entry.declared;
    let path = find(Path::new(""), &declared.path).map_err(|error| {
        let hint = missing_hint(&error, &declared.path);
        refuse(
            "source/path",
            format!("there is no file {}", declared.path.display()),
            hint,
        )
    })?;
    if let Some(wanted) = &declared.sha256 {
        pin::check(&path, wanted).map_err(|wrong| refuse("source/sha256", wrong.message, wrong.remedy))?;
    }
    let unusable = |error: PluginError| {
        let hint = "build the library of this version again, or correct the path".to_owned();
        refuse("source/path", error.to_string(), hint)
    };
    let manifest = Manifest::read(&path).map_err(unusable)?;
    identity(&manifest, entry).map_err(|(message, hint)| refuse("id", message, hint))?;
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
fn identity(manifest: &Manifest, entry: Entry<'_>) -> Result<(), (String, String)> {
    let declared = entry.declared;
    if manifest.id != declared.id {
        let message = format!(
            "the library {} holds the plugin `{}`",
            declared.path.display(),
            manifest.id
        );
        return Err((message, "correct the id or source.path".to_owned()));
    }
    if let Some(kind) = entry.chosen_by.filter(|kind| manifest.kind != **kind) {
        let message = format!(
            "the plugin says that its kind is `{}`, and `cluster.kind` is `{kind}`",
            manifest.kind
        );
        return Err((message, "report this to the author of the plugin".to_owned()));
    }
    Ok(())
}
