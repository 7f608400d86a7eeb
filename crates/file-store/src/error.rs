//! What can go wrong.

use std::fmt;
use std::path::{Path, PathBuf};

use mcpg_cluster::{Error, ErrorKind};

/// Why a folder cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process uses it.
    InUse {
        /// The folder.
        folder: PathBuf,
        /// Who that is, as far as it has said so.
        holder: String,
    },
    /// It was written by a later release.
    Later {
        /// The folder.
        folder: PathBuf,
        /// The format found.
        format: u64,
    },
    /// The disk, the rights or the content of the folder are in the way.
    Broken {
        /// The folder.
        folder: PathBuf,
        /// What was found.
        cause: String,
    },
}

impl OpenError {
    pub(crate) fn broken(folder: &Path, cause: impl fmt::Display) -> Self {
        Self::Broken {
            folder: folder.to_owned(),
            cause: cause.to_string(),
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "give each process a folder of its own, or stop the other one",
            Self::Later { .. } => "start the release that wrote it, or name another folder",
            Self::Broken { .. } => {
                "make it a folder that this process may write to on a disk that works, or name another one"
            }
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse { folder, holder } => {
                write!(formatter, "the folder {} is in use by {holder}", folder.display())
            }
            Self::Later { folder, format } => write!(
                formatter,
                "the folder {} was written by a later release (format {format})",
                folder.display()
            ),
            Self::Broken { folder, cause } => {
                write!(
                    formatter,
                    "the folder {} cannot be used: {cause}",
                    folder.display()
                )
            }
        }
    }
}

impl std::error::Error for OpenError {}

/// The disk failed before anything was changed.
pub(crate) fn unavailable(error: impl Into<redb::Error>) -> Error {
    Error::new(ErrorKind::Unavailable, "the file store cannot be used").with_source(error.into())
}

/// The disk failed while a change was made final.
pub(crate) fn undecided(error: impl Into<redb::Error>) -> Error {
    Error::new(
        ErrorKind::Indeterminate,
        "the file store could not confirm a write",
    )
    .with_source(error.into())
}

pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the file store was closed")
}
