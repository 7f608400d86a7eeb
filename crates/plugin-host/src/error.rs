//! Why a plugin could not be used.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

/// Why a plugin could not be used. Every message is one line.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PluginError {
    /// There is no such file.
    #[error("plugin library {} does not exist: build it with `cargo build --release -p {package}`, or correct source.path", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// The package that its name points to.
        package: String,
    },
    /// The file is no library that the system can load.
    #[error("{} is not a plugin library: {reason}", path.display())]
    NoLibrary {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It was built for another major version of the interface.
    #[error("plugin library {} was built for plugin interface {theirs}, this program has {ours}: build it again with a matching SDK", path.display())]
    OtherMajor {
        /// The file.
        path: PathBuf,
        /// The version of the library.
        theirs: String,
        /// The version here.
        ours: &'static str,
    },
    /// Its types are not those of this program, although the versions match.
    #[error("plugin library {} cannot be used: {reason} (built with {rustc}, SDK {sdk})", path.display())]
    NotLoaded {
        /// The file.
        path: PathBuf,
        /// A short sentence; the whole text is logged at debug level.
        reason: String,
        /// The compiler of the library.
        rustc: String,
        /// The SDK of the library.
        sdk: String,
    },
    /// The plugin did not answer in time.
    #[error("plugin {id} did not finish `{call}` within {deadline:?}")]
    Late {
        /// The plugin.
        id: String,
        /// What was asked.
        call: &'static str,
        /// How long it had.
        deadline: Duration,
    },
    /// The plugin answered with an error.
    #[error("plugin {id} failed in `{call}`: {error}")]
    Failed {
        /// The plugin.
        id: String,
        /// What was asked.
        call: &'static str,
        /// Its answer.
        error: mcpg_cluster::Error,
    },
    /// The plugin answered with something that cannot be.
    #[error("plugin {id} does not keep the contract: {what}")]
    Garbage {
        /// The plugin.
        id: String,
        /// What it answered.
        what: String,
    },
}
