//! What a library says about itself, read before anything that depends on memory layout.

use std::ffi::{CStr, c_char};
use std::fs;
use std::path::Path;

use libloading::Library;
use mcpg_plugin_abi::{ABI_MAJOR, ABI_VERSION, MANIFEST_SYMBOL};
use serde::Deserialize;

use crate::{PluginError, elf};

/// What a library says about itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Manifest {
    /// The version of the interface that it was built for, `major.minor`.
    pub abi: String,
    /// The version of the SDK.
    pub sdk: String,
    /// The version of the compiler.
    pub rustc: String,
    /// The id of the plugin.
    pub id: String,
    /// The word that chooses it.
    pub kind: String,
    /// The JSON schema of its configuration.
    pub config_schema: serde_json::Value,
}

impl Manifest {
    /// Reads the manifest of a library. None of its functions is called.
    ///
    /// # Errors
    /// When the file is no library or has no manifest that can be read.
    pub fn read(path: &Path) -> Result<Self, PluginError> {
        let no_library = |reason: String| PluginError::NoLibrary {
            path: path.to_path_buf(),
            reason,
        };
        let bytes = fs::read(path).map_err(|error| no_library(error.to_string()))?;
        if let Some(reason) = elf::complaint(&bytes) {
            return Err(no_library(reason.to_owned()));
        }
        // SAFETY: loading runs the library's initialisers; the operator chose this file to run in the process.
        let library = unsafe { Library::new(path) }.map_err(|error| no_library(error.to_string()))?;
        let text = text_of(&library);
        // A library is never unloaded: threads and thread locals of it may be in use for ever.
        std::mem::forget(library);
        let text = text.ok_or_else(|| no_library(format!("it has no symbol {MANIFEST_SYMBOL}")))?;
        // An unreadable version comes first: another major may have another manifest.
        let abi: Abi =
            serde_json::from_str(text).map_err(|error| no_library(format!("its manifest: {error}")))?;
        let major = abi
            .abi
            .split_once('.')
            .and_then(|(major, _)| major.parse::<u32>().ok());
        if major != Some(ABI_MAJOR) {
            return Err(PluginError::OtherMajor {
                path: path.to_path_buf(),
                theirs: abi.abi,
                ours: ABI_VERSION,
            });
        }
        serde_json::from_str(text).map_err(|error| no_library(format!("its manifest: {error}")))
    }
}

#[derive(Deserialize)]
struct Abi {
    abi: String,
}

fn text_of(library: &Library) -> Option<&'static str> {
    // SAFETY: a symbol read as a pointer is the address of the data, whatever lies there.
    let address: *const c_char = *unsafe { library.get::<*const c_char>(MANIFEST_SYMBOL.as_bytes()) }.ok()?;
    // SAFETY: the interface says that the text ends with NUL, and it stays since the library is never unloaded.
    unsafe { CStr::from_ptr(address) }.to_str().ok()
}
