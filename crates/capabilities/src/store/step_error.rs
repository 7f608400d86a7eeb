//! Why a step that reads and writes one record was not made.

use mcpg_cluster::{Error, ErrorKind};

use super::record::FormatError;
use super::writer::WriteError;

/// Why a record could not be read or written. None of these says anything about what it stands for.
#[derive(Debug)]
#[non_exhaustive]
pub enum StepError {
    /// The coordinator cannot be reached and nothing was done.
    Unavailable(Error),
    /// A write was sent and nobody knows whether it was made. Trying the same step again finds out.
    Indeterminate(Error),
    /// The record cannot be read, written, or is refused by the coordinator.
    Broken(String),
}

impl std::fmt::Display for StepError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unavailable(error) => write!(formatter, "the coordinator cannot be reached: {error}"),
            Self::Indeterminate(error) => {
                write!(formatter, "the change has an unknown outcome: {error}")
            }
            Self::Broken(why) => write!(formatter, "the record is unusable: {why}"),
        }
    }
}

impl std::error::Error for StepError {}

impl StepError {
    /// What the error of a step means that changes nothing, or nothing that anybody relies on.
    pub(crate) fn harmless(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Unavailable | ErrorKind::Indeterminate => Self::Unavailable(error),
            _ => Self::Broken(error.to_string()),
        }
    }

    /// Every attempt was refused, hence nothing was done.
    pub(crate) fn contended() -> Self {
        Self::Unavailable(Error::new(
            ErrorKind::Conflict,
            "too many changes in a row met another writer",
        ))
    }

    /// A read shows less than is known to have been written: it is older than that.
    pub(crate) fn stale() -> Self {
        Self::Unavailable(Error::new(
            ErrorKind::Unavailable,
            "the coordinator answered with a state that is out of date",
        ))
    }
}

impl From<FormatError> for StepError {
    fn from(error: FormatError) -> Self {
        Self::Broken(error.to_string())
    }
}

impl<R> From<WriteError<R>> for StepError {
    fn from(error: WriteError<R>) -> Self {
        match error {
            WriteError::Conflict(_) => Self::contended(),
            WriteError::Unavailable(error) => Self::Unavailable(error),
            WriteError::Indeterminate(error) => Self::Indeterminate(error),
            WriteError::Format(error) => error.into(),
            WriteError::Refused(error) => Self::Broken(error.to_string()),
        }
    }
}
