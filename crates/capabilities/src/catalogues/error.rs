//! Why a change of a catalogue was not told.

use mcpg_cluster::{Error, ErrorKind};

use crate::store::WriteError;

/// Why a catalogue's record could not be read or written, or its change not be announced. Trying again is harmless.
#[derive(Debug)]
#[non_exhaustive]
pub enum CatalogueError {
    /// The coordinator cannot be reached, or nobody knows what became of a write.
    Unavailable(Error),
    /// The record cannot be read, written, or is refused by the coordinator.
    Broken(String),
}

impl std::fmt::Display for CatalogueError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unavailable(error) => write!(formatter, "the coordinator cannot be reached: {error}"),
            Self::Broken(why) => write!(formatter, "the record of the catalogue is unusable: {why}"),
        }
    }
}

impl std::error::Error for CatalogueError {}

impl From<Error> for CatalogueError {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Unavailable | ErrorKind::Indeterminate | ErrorKind::Conflict => {
                Self::Unavailable(error)
            }
            _ => Self::Broken(error.to_string()),
        }
    }
}

impl<R> From<WriteError<R>> for CatalogueError {
    fn from(error: WriteError<R>) -> Self {
        match error {
            WriteError::Format(error) => Self::Broken(error.to_string()),
            other => Error::from(other).into(),
        }
    }
}
