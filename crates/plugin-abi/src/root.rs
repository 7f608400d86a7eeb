//! The root module: what a library exports.

use std::path::Path;

use abi_stable::StableAbi;
use abi_stable::declare_root_module_statics;
use abi_stable::library::{
    __call_root_module_loader, CheckTypeLayout, LibraryError, RootModule, RootModuleResult,
    lib_header_from_path,
};
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RStr, RString, RVec};

pub use abi_stable::library::LibHeader;

use crate::{AbiCoordinator, AbiHost, AbiResult, Answer};

/// The slots of a plugin, as of minor 0: the part that every library of this major has.
///
/// A later minor is another type with these slots first and its own behind them. This one stays as it is, because the
/// layout check takes a library with more slots than the type asks for, but none with fewer.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ModRef)))]
#[sabi(missing_field(panic))]
pub struct Mod {
    /// The manifest, the same text as behind the manifest symbol.
    pub manifest: extern "C" fn() -> RStr<'static>,
    /// Checks a configuration, given as JSON, and returns all mistakes. Nothing is connected to.
    pub validate: extern "C" fn(RStr<'_>) -> AbiResult<RVec<AbiDiagnostic>>,
    /// Opens a coordinator with a configuration, given as JSON.
    #[sabi(last_prefix_field)]
    pub open: extern "C" fn(RString, AbiHost) -> Answer<AbiCoordinator>,
}

/// One mistake in a configuration.
#[repr(C)]
#[derive(Clone, Debug, StableAbi)]
pub struct AbiDiagnostic {
    /// Where it is, as a JSON pointer.
    pub path: RString,
    /// What is wrong, and what was expected.
    pub message: RString,
}

impl RootModule for ModRef {
    declare_root_module_statics! {ModRef}
    const BASE_NAME: &'static str = "mcpg_plugin";
    const NAME: &'static str = "mcpg plugin";
    // Only the major number may differ for this check; the manifest has been compared before it.
    const VERSION_STRINGS: VersionStrings = VersionStrings::new("1.0.0");
}

/// Builds what a library exports from the function that makes its module.
///
/// # Safety
/// `constructor` must return what [`erase`](export::erase) made of a [`ModRef`].
pub const unsafe fn header(constructor: extern "C" fn() -> RootModuleResult) -> LibHeader {
    // SAFETY: the caller promises that the constructor returns an erased `ModRef`.
    unsafe { LibHeader::from_constructor::<ModRef>(constructor, CheckTypeLayout::Yes) }
}

/// What only the export line of the SDK uses.
pub mod export {
    use super::{__call_root_module_loader, ModRef};

    pub use super::header;
    pub use abi_stable::library::RootModuleResult;
    pub use abi_stable::prefix_type::PrefixTypeTrait;

    /// Hands a module on without its type, with a panic as an error.
    pub fn erase(make: fn() -> ModRef) -> RootModuleResult {
        __call_root_module_loader(make)
    }
}

/// Why a library whose manifest was fine could not be loaded.
#[derive(Debug)]
pub struct LoadFailure {
    /// A short sentence.
    pub reason: String,
    /// All that is known, which can be very long.
    pub details: String,
}

/// Loads the library and checks the layout of everything that crosses. It is never unloaded.
///
/// # Errors
/// When it is not a library, exports no module, or was built with other types.
pub fn load(path: &Path) -> Result<ModRef, LoadFailure> {
    load_as(path)
}

/// Loads the library as the module of a later minor, which the minor number in its manifest must reach: for an older
/// library a host takes [`load`], and each slot that it lacks has its default.
///
/// # Errors
/// As [`load`], and when the library has fewer slots.
pub fn load_as<M: RootModule>(path: &Path) -> Result<M, LoadFailure> {
    // `load_from_file` would give the first library of the process for every later one.
    lib_header_from_path(path)
        .and_then(|header| header.init_root_module::<M>())
        .map_err(|error| LoadFailure {
            reason: reason(&error).to_owned(),
            details: error.to_string(),
        })
}

fn reason(error: &LibraryError) -> &'static str {
    match error {
        LibraryError::OpenError { .. } => "the system's loader refuses it",
        LibraryError::GetSymbolError { .. } => "it exports no plugin module",
        LibraryError::ParseVersionError(_) | LibraryError::IncompatibleVersionNumber { .. } => {
            "its module has another version"
        }
        LibraryError::AbiInstability(_) => {
            "its types are laid out otherwise than here: build it again with this version of the SDK"
        }
        LibraryError::InvalidAbiHeader(_) | LibraryError::InvalidCAbi { .. } => {
            "it was built with another version of the layout checker"
        }
        LibraryError::RootModule { .. } => "it could not set itself up",
        LibraryError::Many(_) => "several checks failed",
    }
}

#[cfg(test)]
mod tests {
    use abi_stable::abi_stability::abi_checking::check_layout_compatibility;
    use abi_stable::library::ROOT_MODULE_LOADER_NAME;
    use abi_stable::type_layout::TypeLayout;

    use super::*;

    fn layout<T: StableAbi>() -> &'static TypeLayout {
        T::LAYOUT
    }

    #[test]
    fn the_symbol_in_the_export_line_is_the_one_that_is_looked_up() {
        assert_eq!(ROOT_MODULE_LOADER_NAME, "_1as_0lib_1header_0root_bmodule_bloader");
    }

    #[test]
    fn another_layout_is_noticed() {
        let outcome = check_layout_compatibility(layout::<AbiDiagnostic>(), layout::<crate::AbiPair>());
        assert!(outcome.is_err());
    }
}
