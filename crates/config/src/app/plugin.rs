//! The plugins that may be loaded.

use std::path::PathBuf;

/// One entry of `plugins`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginEntry {
    /// The id, unique and in reverse DNS.
    pub id: String,
    /// The library, with a relative path placed in the folder of the file that it stands in.
    pub path: PathBuf,
    /// The SHA-256 that the library must have, in lower-case hexadecimal digits.
    pub sha256: Option<String>,
    /// Whether the entry is not to be used.
    pub disabled: bool,
}
