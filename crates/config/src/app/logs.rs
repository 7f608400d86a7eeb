//! The log on standard error.

use schemars::JsonSchema;
use serde::Deserialize;

/// The `observability.logs` block.
#[derive(Debug, Clone)]
pub struct Logs {
    /// The least important level that is written.
    pub level: LogLevel,
    /// How lines look; absent means human on a terminal and JSON elsewhere.
    pub format: Option<LogFormat>,
}

/// How important a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum LogLevel {
    /// Someone must act.
    Error,
    /// Something is wrong that the gateway copes with.
    Warn,
    /// The life of the process.
    #[default]
    Info,
    /// Decisions about single requests.
    Debug,
    /// Everything.
    Trace,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum LogFormat {
    /// For eyes.
    Human,
    /// One JSON object per line.
    Json,
}

impl LogLevel {
    /// The word in the configuration, which is also the directive that log filters know.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}
