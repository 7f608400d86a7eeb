//! The module of a minor version that does not exist yet: one slot more.

use abi_stable::StableAbi;
use abi_stable::declare_root_module_statics;
use abi_stable::library::RootModule;
use abi_stable::sabi_types::VersionStrings;
use mcpg_plugin_abi::{AbiCoordinator, AbiDiagnostic, AbiHost, AbiResult, Answer, RStr, RString, RVec};

#[allow(
    dead_code,
    reason = "the library fills the slots, the host calls only some of them"
)]
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ModRef)))]
#[sabi(missing_field(panic))]
pub(crate) struct Mod {
    pub(crate) manifest: extern "C" fn() -> RStr<'static>,
    pub(crate) validate: extern "C" fn(RStr<'_>) -> AbiResult<RVec<AbiDiagnostic>>,
    // The mark stays where it is for all minors: the layout check compares what lies before it.
    #[sabi(last_prefix_field)]
    pub(crate) open: extern "C" fn(RString, AbiHost) -> Answer<AbiCoordinator>,
    #[sabi(missing_field(option))]
    pub(crate) appended: extern "C" fn(u64) -> u64,
}

impl RootModule for ModRef {
    declare_root_module_statics! {ModRef}
    const BASE_NAME: &'static str = "mcpg_plugin";
    const NAME: &'static str = "mcpg plugin";
    const VERSION_STRINGS: VersionStrings = VersionStrings::new("1.0.0");
}
