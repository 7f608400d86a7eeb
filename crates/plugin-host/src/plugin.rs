//! A plugin whose library is loaded.

use std::path::Path;
use std::sync::Arc;

use mcpg_cluster::Coordinator;
use mcpg_plugin_abi::{ModRef, RStr, RString, load};
use serde_json::Value;
use tokio::sync::oneshot;
use tracing::debug;

use crate::bounded::{Bounds, Failure};
use crate::config::compare;
use crate::poller::Poller;
use crate::threads::Threads;
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
    /// Shapes are compared with the plugin's schema; what only the plugin knows it is asked when it can read the rest.
    ///
    /// # Errors
    /// When the plugin fails at it.
    pub async fn validate(&self, config: &Value) -> Result<Vec<Diagnostic>, PluginError> {
        let compared = compare(&self.manifest.config_schema, config)
            .map_err(|reason| self.garbage(format!("its configuration schema: {reason}")))?;
        let mut found = compared.mistakes;
        let Some(readable) = compared.readable else {
            return Ok(found);
        };
        let (validate, text) = (self.module.validate(), readable.to_string());
        let (sender, asked) = oneshot::channel();
        // A thread of its own: one that never ends must not keep the runtime from ending.
        Threads::default().run(move || drop(sender.send(validate(RStr::from_str(&text)))));
        let answer = tokio::time::timeout(self.deadlines.validate, asked).await;
        let answer = answer.map_err(|_| self.late("validate", Failure::Late))?;
        let answer = answer.map_err(|_| self.late("validate", Failure::Panicked))?;
        let mistakes = convert::result(answer).map_err(|error| self.failed("validate", error))?;
        let known = |mistake: mcpg_plugin_abi::AbiDiagnostic| Diagnostic {
            path: mistake.path.into_string(),
            message: mistake.message.into_string(),
        };
        found.extend(mistakes.into_iter().map(known));
        Ok(found)
    }

    /// Opens a coordinator.
    ///
    /// # Errors
    /// When the plugin fails at it, is late, or what it opened cannot be.
    pub async fn open(&self, config: &Value) -> Result<Arc<dyn Coordinator>, PluginError> {
        let opening = self.open_without_deadline(config);
        tokio::time::timeout(self.deadlines.open, opening)
            .await
            .unwrap_or_else(|_| Err(self.late("open", Failure::Late)))
    }

    async fn open_without_deadline(&self, config: &Value) -> Result<Arc<dyn Coordinator>, PluginError> {
        let host = log::host(&self.manifest.id);
        let answer = self.module.open()(RString::from(config.to_string()), host);
        let poller = Poller::new(self.deadlines.probation);
        let answer = poller.drive(answer, false).await;
        let answer = answer.map_err(|failure| self.late("open", failure))?;
        let opened = convert::result(answer).map_err(|error| self.failed("open", error))?;
        let bounds = Bounds {
            id: self.manifest.id.as_str().into(),
            call: self.deadlines.call,
            poller,
        };
        let kind = self.manifest.kind.clone();
        let adapted = adapt::coordinator(opened, kind, &bounds).await;
        adapted.map_err(|what| self.garbage(what))
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
