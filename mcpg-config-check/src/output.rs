//! What is written where: the result of a valid configuration to standard output, everything else to standard error.

use std::fmt;
use std::io::{self, Write as _};

use mcpg_config::Report;

use crate::check::Outcome;

/// Why nothing can be said about a configuration.
#[derive(Debug)]
pub(crate) enum Failed {
    /// A stream cannot be written.
    Write(io::Error),
    /// There is nothing to run plugins on.
    Runtime(io::Error),
}

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(error) => write!(formatter, "the result cannot be written: {error}"),
            Self::Runtime(error) => write!(formatter, "plugins cannot be run: {error}"),
        }
    }
}

/// Writes the outcome for people.
pub(crate) fn text(outcome: &Outcome) -> Result<(), Failed> {
    let label = &outcome.label;
    if let Some(summary) = &outcome.summary {
        print(&format!("✓ {label}: valid ({summary})\n"))?;
    } else {
        let report = Report {
            label: label.clone(),
            mistakes: outcome.mistakes.clone(),
            warnings: Vec::new(),
        };
        complain(&format!("{report}\n"))?;
    }
    for warning in &outcome.warnings {
        complain(&format!("warning: {warning}\n"))?;
    }
    Ok(())
}

/// Writes the outcome for programs.
pub(crate) fn json(outcome: &Outcome) -> Result<(), Failed> {
    let text = serde_json::to_string_pretty(outcome).map_err(|error| Failed::Write(error.into()))?;
    print(&format!("{text}\n"))
}

/// Writes the JSON Schema of the configuration.
pub(crate) fn schema() -> Result<(), Failed> {
    print(&format!("{:#}\n", mcpg_config::schema()))
}

fn print(text: &str) -> Result<(), Failed> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(Failed::Write)
}

fn complain(text: &str) -> Result<(), Failed> {
    io::stderr()
        .lock()
        .write_all(text.as_bytes())
        .map_err(Failed::Write)
}
