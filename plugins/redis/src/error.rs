//! The client's errors in the words of the contract.

use mcpg_plugin_sdk::cluster::{Error, ErrorKind};
use redis::{ErrorKind as RedisErrorKind, RedisError, ServerErrorKind};

/// Whether a call changes something, which decides what a missing answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Read,
    Write,
    /// A write with which a replica that is being closed takes its leave.
    Farewell,
}

/// What must not appear in any message.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    pub(crate) fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        Self(secrets.into_iter().filter(|secret| !secret.is_empty()).collect())
    }

    pub(crate) fn scrub(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| {
            text.replace(secret.as_str(), "***")
        })
    }
}

/// Turns an error of the client into one of the contract.
///
/// The client's error is not kept as the source: its text is not ours to vouch for, so it is only shown scrubbed.
pub(crate) fn from_redis(error: &RedisError, effect: Effect, secrets: &Secrets) -> Error {
    let (kind, message) = classify(error, effect);
    Error::new(kind, message).with_context("cause", secrets.scrub(&error.to_string()))
}

/// The error of a call without an answer.
pub(crate) fn unanswered(effect: Effect) -> Error {
    match effect {
        Effect::Read => Error::new(ErrorKind::Unavailable, "redis did not answer a read in time"),
        Effect::Write | Effect::Farewell => {
            Error::new(ErrorKind::Indeterminate, "redis did not answer a write in time")
        }
    }
}

/// Whether a connection with this error is of no further use.
pub(crate) fn breaks_connection(error: &RedisError) -> bool {
    let no_primary = matches!(
        error.kind(),
        RedisErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
    );
    no_primary || error.is_unrecoverable_error() || error.is_io_error()
}

fn classify(error: &RedisError, effect: Effect) -> (ErrorKind, &'static str) {
    if let RedisErrorKind::Server(kind) = error.kind() {
        return match kind {
            ServerErrorKind::NoPerm => (
                ErrorKind::Denied,
                "redis refuses this right to the configured user",
            ),
            ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown | ServerErrorKind::ReadOnly => {
                (ErrorKind::Unavailable, "this redis server takes no commands now")
            }
            _ => (ErrorKind::Internal, "redis refused a command"),
        };
    }
    match error.code() {
        Some("NOAUTH" | "WRONGPASS") => (ErrorKind::Denied, "redis refuses the credentials"),
        // All of these come before a script's first write.
        Some("OOM" | "MISCONF" | "BUSY" | "NOREPLICAS") => (
            ErrorKind::Unavailable,
            "redis refuses writes in its present state",
        ),
        _ if error.kind() == RedisErrorKind::AuthenticationFailed => {
            (ErrorKind::Denied, "redis refuses the credentials")
        }
        _ if error.kind() == RedisErrorKind::UnexpectedReturnType => {
            (ErrorKind::Internal, "redis gave an answer of an unexpected type")
        }
        _ if effect != Effect::Read => (
            ErrorKind::Indeterminate,
            "the connection to redis broke before a write was answered",
        ),
        _ => (ErrorKind::Unavailable, "the connection to redis broke"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_connection_leaves_a_write_undecided_and_a_read_undone() {
        let error = RedisError::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        let kind = |effect| from_redis(&error, effect, &Secrets::default()).kind();
        assert_eq!(kind(Effect::Write), ErrorKind::Indeterminate);
        assert_eq!(kind(Effect::Read), ErrorKind::Unavailable);
        assert!(breaks_connection(&error));
    }

    #[test]
    fn secrets_are_taken_out_of_the_cause() {
        let secrets = Secrets::new(["hunter2".to_owned(), String::new()]);
        let error = RedisError::from(std::io::Error::other("no way to redis://u:hunter2@h"));
        let shown = from_redis(&error, Effect::Read, &secrets).to_string();
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("redis://u:***@h"), "{shown}");
    }
}
