//! The one error of the contract.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

/// The result of every call of the contract.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller should do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What is there is not what was expected; nothing was changed. Read and decide again.
    Conflict,
    /// The lease is not held with this token (any more). Stop what rests on it.
    NotHeld,
    /// The backend was not reached and the call has surely had no effect. Try again later.
    Unavailable,
    /// The outcome is unknown: the call may have had its effect, or may still have it. Never act as if it had failed.
    Indeterminate,
    /// The arguments can never work. A mistake in the caller.
    Invalid,
    /// A key, value or message is above the limit that [`Support`](crate::Support) declares.
    TooLarge,
    /// The backend refuses these credentials or this right. An operator must act.
    Denied,
    /// The coordinator was closed by this process.
    Closed,
    /// The implementation or the backend did something that it must not do.
    Internal,
}

impl ErrorKind {
    /// The kind's word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::NotHeld => "not held",
            Self::Unavailable => "unavailable",
            Self::Indeterminate => "indeterminate",
            Self::Invalid => "invalid",
            Self::TooLarge => "too large",
            Self::Denied => "denied",
            Self::Closed => "closed",
            Self::Internal => "internal",
        }
    }

    fn usual_retry(self) -> Retry {
        match self {
            Self::Unavailable => Retry::Safe,
            Self::Conflict | Self::Indeterminate => Retry::ReadFirst,
            Self::NotHeld | Self::Invalid | Self::TooLarge | Self::Denied | Self::Closed | Self::Internal => {
                Retry::Never
            }
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Whether the same call may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// The call had no effect; sending it again is safe and may help.
    Safe,
    /// Read what is there first, then decide.
    ReadFirst,
    /// Sending the same call again does not help.
    Never,
}

/// An error of a coordinator.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    retry: Retry,
    message: String,
    context: Vec<(Cow<'static, str>, String)>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Builds an error with the retry advice that is usual for its kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            retry: kind.usual_retry(),
            message: message.into(),
            context: Vec::new(),
            source: None,
        }
    }

    /// Adds one fact, such as the key or the address involved. Never a secret.
    #[must_use]
    pub fn with_context(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.context.push((name.into(), value.into()));
        self
    }

    /// Adds the error that this one comes from.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Replaces the retry advice that is usual for the kind.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// What the caller should do.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the same call may be sent again.
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// The message without context and source.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The facts that were added, in order.
    pub fn context(&self) -> impl Iterator<Item = (&str, &str)> {
        self.context
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_str()))
    }
}

/// Writes kind, message and context in one line; the source is left to [`StdError::source`].
impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.kind, self.message)?;
        for (position, (name, value)) in self.context.iter().enumerate() {
            let before = if position == 0 { " (" } else { ", " };
            write!(formatter, "{before}{name}: {value}")?;
        }
        if !self.context.is_empty() {
            formatter.write_str(")")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_kind_message_and_context_in_one_line() {
        let error = Error::new(ErrorKind::Unavailable, "no connection")
            .with_context("address", "127.0.0.1:1")
            .with_context("key", "a|b")
            .with_source(std::io::Error::other("refused"));
        assert_eq!(
            error.to_string(),
            "unavailable: no connection (address: 127.0.0.1:1, key: a|b)"
        );
        assert_eq!(
            error.source().map(ToString::to_string).as_deref(),
            Some("refused")
        );
    }

    #[test]
    fn only_what_surely_had_no_effect_is_safe_to_repeat() {
        let retry = |kind| Error::new(kind, "x").retry();
        assert_eq!(retry(ErrorKind::Unavailable), Retry::Safe);
        assert_eq!(retry(ErrorKind::Indeterminate), Retry::ReadFirst);
        assert_eq!(retry(ErrorKind::Conflict), Retry::ReadFirst);
        assert_eq!(retry(ErrorKind::Denied), Retry::Never);
        let told = Error::new(ErrorKind::Internal, "x").with_retry(Retry::Safe);
        assert_eq!(told.retry(), Retry::Safe);
    }
}
