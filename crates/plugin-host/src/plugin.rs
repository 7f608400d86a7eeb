//! A plugin whose library is loaded.

use std::path::Path;
use std::sync::Arc;

use mcpg_cluster::Coordinator;
use mcpg_plugin_abi::{ModRef, RStr, RString, load};
use serde_json::Value;
use tracing::debug;

use crate::bounded::{Bounds, Failure, within};
use crate::config::compare;
use crate::{Deadlines, Diagnostic, Manifest, PluginError, adapt, convert, log};

/// A plugin whose library is loaded. It stays loaded for as long as the process runs.
pub struct Plugin {
    manifest: Manifest,
    module: ModRef,
    deadlines: Deadlines,
}

impl Plugin {
    /// Loads a library, after its manifest and the layout of its types were checked.
    ///
    /// # Errors
    /// When it cannot be used; the message says why in one line.
    pub fn load(path: &Path, deadlines: Deadlines) -> Result<Self, PluginError> {
        let manifest = Manifest::read(path)?;
        let module = load(path).map_err(|failure| {
            debug!(message = "A plugin library was refused.", path = %path.display(), details = failure.details);
            PluginError::NotLoaded {
                path: path.to_path_buf(),
                reason: failure.reason,
                rustc: manifest.rustc.clone(),
                sdk: manifest.sdk.clone(),
            }
        })?;
        Ok(Self {
            manifest,
            module,
            deadlines,
        })
    }

    /// What the library says about itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Finds the mistakes in a configuration, which is the `cluster` block without `kind`. Nothing is connected to.
    ///
    /// Shapes are compared with the plugin's schema; what only the plugin knows it is asked when the shape is right.
    ///
    /// # Errors
    /// When the plugin fails at it.
    pub async fn validate(&self, config: &Value) -> Result<Vec<Diagnostic>, PluginError> {
        let mistakes = compare(&self.manifest.config_schema, config)
            .map_err(|reason| self.garbage(format!("its configuration schema: {reason}")))?;
        if !mistakes.is_empty() {
            return Ok(mistakes);
        }
        let (validate, text) = (self.module.validate(), config.to_string());
        let asked = tokio::task::spawn_blocking(move || validate(RStr::from_str(&text)));
        let deadline = self.deadlines.validate;
        let answer = tokio::time::timeout(deadline, asked).await;
        let answer = answer.map_err(|_| self.late("validate", Failure::Late))?;
        let answer = answer.map_err(|_| self.late("validate", Failure::Panicked))?;
        let mistakes = convert::result(answer).map_err(|error| self.failed("validate", error))?;
        let known = |mistake: mcpg_plugin_abi::AbiDiagnostic| Diagnostic {
            path: mistake.path.into_string(),
            message: mistake.message.into_string(),
        };
        Ok(mistakes.into_iter().map(known).collect())
    }

    /// Opens a coordinator.
    ///
    /// # Errors
    /// When the plugin fails at it, is late, or what it opened cannot be.
    pub async fn open(&self, config: &Value) -> Result<Arc<dyn Coordinator>, PluginError> {
        let host = log::host(&self.manifest.id);
        let answer = self.module.open()(RString::from(config.to_string()), host);
        let answer = within(self.deadlines.open, answer).await;
        let answer = answer.map_err(|failure| self.late("open", failure))?;
        let opened = convert::result(answer).map_err(|error| self.failed("open", error))?;
        let bounds = Bounds {
            id: self.manifest.id.as_str().into(),
            call: self.deadlines.call,
        };
        let kind = self.manifest.kind.clone();
        adapt::coordinator(opened, kind, &bounds).map_err(|what| self.garbage(what))
    }

    fn late(&self, call: &'static str, failure: Failure) -> PluginError {
        let deadline = match call {
            "open" => self.deadlines.open,
            _ => self.deadlines.validate,
        };
        match failure {
            Failure::Late => PluginError::Late {
                id: self.manifest.id.clone(),
                call,
                deadline,
            },
            Failure::Panicked => self.garbage(format!("it panicked across its border in {call}")),
        }
    }

    fn failed(&self, call: &'static str, error: mcpg_cluster::Error) -> PluginError {
        PluginError::Failed {
            id: self.manifest.id.clone(),
            call,
            error,
        }
    }

    fn garbage(&self, what: String) -> PluginError {
        PluginError::Garbage {
            id: self.manifest.id.clone(),
            what,
        }
    }
}
