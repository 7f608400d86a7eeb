//! Why a session cannot be used.

use mcpg_cluster::Error;

use crate::store::{FormatError, WriteError};

/// Why a session could not be made, read or changed.
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionError {
    /// There is no such session: never minted here, expired, or closed. Final.
    Unknown,
    /// This replica holds as many sessions as it may; try again later or at another replica.
    Full,
    /// The coordinator cannot be reached. This says nothing about the session.
    Unavailable(Error),
    /// A change was sent and nobody knows whether it was made.
    Indeterminate(Error),
    /// The record cannot be read, written, or is refused by the coordinator.
    Broken(String),
}

impl std::fmt::Display for SessionError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown => formatter.write_str("no such session"),
            Self::Full => formatter.write_str("this replica holds as many sessions as it may"),
            Self::Unavailable(error) => write!(formatter, "the coordinator cannot be reached: {error}"),
            Self::Indeterminate(error) => {
                write!(
                    formatter,
                    "the change of the session has an unknown outcome: {error}"
                )
            }
            Self::Broken(why) => write!(formatter, "the session record is unusable: {why}"),
        }
    }
}

impl std::error::Error for SessionError {}

impl From<FormatError> for SessionError {
    fn from(error: FormatError) -> Self {
        Self::Broken(error.to_string())
    }
}

impl<R> From<WriteError<R>> for SessionError {
    fn from(error: WriteError<R>) -> Self {
        match error {
            WriteError::Conflict(_) => Self::Broken("another replica wrote it first".to_owned()),
            WriteError::Unavailable(error) => Self::Unavailable(error),
            WriteError::Indeterminate(error) => Self::Indeterminate(error),
            WriteError::Format(error) => error.into(),
            WriteError::Refused(error) => Self::Broken(error.to_string()),
        }
    }
}
