//! What a load has to say: mistakes and warnings, for people and for programs.

use serde::Serialize;
use std::fmt;

/// Why a configuration was refused: every mistake that was found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The layers, as in `base.yaml + production.yaml`.
    pub label: String,
    /// The mistakes in the order of the layers and their lines; never empty.
    pub mistakes: Vec<Diagnostic>,
    /// What is allowed but deserves a look.
    pub warnings: Vec<Diagnostic>,
}

/// One mistake or warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// What sort of mistake it is.
    pub code: DiagnosticCode,
    /// The file, `-` for standard input, or the environment variable.
    pub source: String,
    /// The line, counted from 1; absent when the source is not a text or could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The column in characters, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    /// The full path of the key, as in `mcp.federations[0].name`; empty for the whole file.
    pub path: String,
    /// What is wrong, in a few words.
    pub message: String,
    /// What stands there; credentials are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What may stand there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
    /// What to do about it, or which key was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The sort of a diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DiagnosticCode {
    /// A layer could not be read.
    Unreadable,
    /// A layer is not YAML.
    Syntax,
    /// A key stands twice in one map.
    DuplicateKey,
    /// A key is not known.
    UnknownKey,
    /// A required key is missing.
    MissingKey,
    /// A value is of the wrong type.
    WrongType,
    /// A value is of the right type but not allowed.
    InvalidValue,
    /// An environment variable is not set or sets what does not exist.
    Environment,
    /// Values contradict each other.
    Conflict,
}

impl Report {
    /// Tells whether a layer could not be read, as opposed to being wrong.
    pub fn is_unreadable(&self) -> bool {
        self.mistakes
            .iter()
            .any(|mistake| mistake.code == DiagnosticCode::Unreadable)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "✗ {}: invalid", self.label)?;
        for mistake in &self.mistakes {
            write!(formatter, "\n\n{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.source)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(formatter, ":{number}")?;
        }
        formatter.write_str(": ")?;
        if !self.path.is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        formatter.write_str(&self.message)?;
        for (label, text) in [
            ("found:  ", &self.found),
            ("allowed:", &self.allowed),
            ("hint:   ", &self.hint),
        ] {
            if let Some(text) = text {
                write!(formatter, "\n  {label} {text}")?;
            }
        }
        Ok(())
    }
}
