//! From the layers to what there is to say about them.

use mcpg_config::{Diagnostic, DiagnosticCode, Environment, Loaded, Report, Source};
use serde::Serialize;

use crate::output::Failed;
use crate::plugins;
use crate::summary::{Summary, summary};

/// What there is to say about a configuration.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    /// The files as they were named, as in `base.yaml + production.yaml`.
    pub(crate) label: String,
    /// Whether there is no mistake.
    valid: bool,
    /// What a valid configuration amounts to.
    pub(crate) summary: Option<Summary>,
    pub(crate) mistakes: Vec<Diagnostic>,
    pub(crate) warnings: Vec<Diagnostic>,
}

impl Outcome {
    fn new(label: String, summary: Summary, mistakes: Vec<Diagnostic>, warnings: Vec<Diagnostic>) -> Self {
        let valid = mistakes.is_empty();
        Self {
            label,
            valid,
            summary: valid.then_some(summary),
            mistakes,
            warnings,
        }
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.valid
    }

    /// Tells whether a file could not be read, as opposed to being wrong.
    pub(crate) fn is_unreadable(&self) -> bool {
        let unreadable = |mistake: &Diagnostic| mistake.code == DiagnosticCode::Unreadable;
        self.mistakes.iter().any(unreadable)
    }
}

impl From<Report> for Outcome {
    fn from(report: Report) -> Self {
        Self {
            label: report.label,
            valid: false,
            summary: None,
            mistakes: report.mistakes,
            warnings: report.warnings,
        }
    }
}

/// Checks files for themselves: nothing else is looked at.
pub(crate) fn alone(sources: &[Source]) -> Outcome {
    match mcpg_config::inspect(sources) {
        Ok(inspected) => {
            let summary = summary(&inspected.places.values());
            Outcome::new(inspected.label, summary, Vec::new(), inspected.warnings)
        }
        Err(report) => report.into(),
    }
}

/// Checks files with the variables of this process filled in.
pub(crate) fn with_environment(sources: &[Source]) -> Outcome {
    match load(sources) {
        Ok(loaded) => judged(loaded, Vec::new()),
        Err(report) => report.into(),
    }
}

/// Checks files, and lets the plugins that they declare have their say.
///
/// # Errors
/// When the plugins cannot be asked at all.
pub(crate) fn with_plugins(sources: &[Source]) -> Result<Outcome, Failed> {
    match load(sources) {
        Ok(loaded) => {
            let mistakes = plugins::check(&loaded)?;
            Ok(judged(loaded, mistakes))
        }
        Err(report) => Ok(report.into()),
    }
}

fn load(sources: &[Source]) -> Result<Loaded, Report> {
    let environment = Environment::of_process().without_overrides();
    mcpg_config::load(sources, &environment)
}

fn judged(loaded: Loaded, mistakes: Vec<Diagnostic>) -> Outcome {
    let summary = summary(&loaded.places.values());
    Outcome::new(loaded.label, summary, mistakes, loaded.warnings)
}
