//! Which log messages reach the client.

use mcpg_mcp::meta::LogLevel;
use mcpg_mcp::object::Object;
use mcpg_mcp::version::Era;
use serde_json::value::RawValue;

/// Which log messages reach the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::router) enum LogFilter {
    /// The client never said: the executor decides.
    All,
    /// None: a modern request without a level.
    Nothing,
    /// This level and more important ones.
    From(LogLevel),
}

impl LogFilter {
    /// The filter for a client that asked for `level`.
    pub(in crate::router) fn of(level: Option<&str>, era: Era) -> Self {
        match (level.and_then(|level| level.parse::<LogLevel>().ok()), era) {
            (Some(level), _) => Self::From(level),
            (None, Era::Legacy) => Self::All,
            (None, Era::Modern) => Self::Nothing,
        }
    }

    /// Whether a notification is a log message that this client does not want.
    pub(in crate::router) fn hides(self, method: &str, params: Option<&RawValue>) -> bool {
        if method != "notifications/message" {
            return false;
        }
        match self {
            Self::All => false,
            Self::Nothing => true,
            Self::From(least) => params.and_then(level_of).is_some_and(|level| level < least),
        }
    }
}

/// The level of a notifications/message with these params.
fn level_of(params: &RawValue) -> Option<LogLevel> {
    Object::parse(params).ok()?.get_str("level")?.parse().ok()
}
