//! Why a subscription was not made or changed.

use mcpg_cluster::{Error, ErrorKind};

use super::keeper::NotSubscribed;
use crate::store::{FormatError, WriteError};

/// Why the records of a subscription could not be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum SubscriptionError {
    /// The coordinator cannot be reached and nothing was done that matters.
    Unavailable(Error),
    /// A write was sent and nobody knows whether it was made. Trying the same step again finds out.
    Indeterminate(Error),
    /// This replica holds no lease at the moment, so it holds nothing.
    NoLease,
    /// A record cannot be read, written, or is refused by the coordinator.
    Broken(String),
}

/// Why a session did not join a subscription.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotJoined {
    /// The upstream is not subscribed to.
    Upstream(NotSubscribed),
    /// It could not be written down.
    Record(SubscriptionError),
}

impl std::fmt::Display for SubscriptionError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unavailable(error) => write!(formatter, "the coordinator cannot be reached: {error}"),
            Self::Indeterminate(error) => {
                write!(formatter, "the subscription has an unknown outcome: {error}")
            }
            Self::NoLease => formatter.write_str("this replica has no lease at the moment"),
            Self::Broken(why) => write!(formatter, "the record of the subscription is unusable: {why}"),
        }
    }
}

impl std::error::Error for SubscriptionError {}

impl std::fmt::Display for NotJoined {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Upstream(error) => error.fmt(formatter),
            Self::Record(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for NotJoined {}

impl SubscriptionError {
    pub(super) fn contended() -> Self {
        Self::Unavailable(Error::new(
            ErrorKind::Conflict,
            "too many changes in a row met another writer",
        ))
    }
}

impl From<Error> for SubscriptionError {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Unavailable | ErrorKind::Conflict => Self::Unavailable(error),
            ErrorKind::Indeterminate => Self::Indeterminate(error),
            _ => Self::Broken(error.to_string()),
        }
    }
}

impl From<FormatError> for SubscriptionError {
    fn from(error: FormatError) -> Self {
        Self::Broken(error.to_string())
    }
}

impl<R> From<WriteError<R>> for SubscriptionError {
    fn from(error: WriteError<R>) -> Self {
        match error {
            WriteError::Format(error) => error.into(),
            other => Error::from(other).into(),
        }
    }
}

impl From<SubscriptionError> for NotJoined {
    fn from(error: SubscriptionError) -> Self {
        Self::Record(error)
    }
}
