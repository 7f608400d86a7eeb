//! A library of the next minor version, for the tests of older hosts.
#![allow(non_local_definitions, unused_qualifications)]

#[path = "../tests/minors/newer.rs"]
#[allow(dead_code, reason = "a library fills the slots and calls none")]
mod newer;

use abi_stable::library::{__call_root_module_loader, CheckTypeLayout, LibHeader, RootModuleResult};
use abi_stable::prefix_type::PrefixTypeTrait;
use mcpg_plugin_abi::{
    AbiCoordinator, AbiDiagnostic, AbiError, AbiHost, AbiResult, Answer, FfiFuture, RResult, RStr, RString,
    RVec, error_kind, retry,
};

const MANIFEST: &str = "{\"abi\":\"1.1\",\"sdk\":\"0.0.0\",\"rustc\":\"rustc\",\"id\":\"dev.mcpg.cluster.newer\",\
    \"kind\":\"newer\",\"config_schema\":{\"type\":\"object\"}}\0";

#[unsafe(export_name = "mcpg_plugin_manifest")]
static EXPORTED: [u8; MANIFEST.len()] = *MANIFEST.as_bytes().first_chunk().unwrap();

extern "C" fn manifest() -> RStr<'static> {
    RStr::from_str(MANIFEST.trim_end_matches('\0'))
}

extern "C" fn validate(_: RStr<'_>) -> AbiResult<RVec<AbiDiagnostic>> {
    RResult::ROk(RVec::from(vec![AbiDiagnostic {
        path: RString::from("/key"),
        message: RString::from("told by a newer plugin"),
    }]))
}

extern "C" fn open(_: RString, _: AbiHost) -> Answer<AbiCoordinator> {
    FfiFuture::new(async {
        RResult::RErr(AbiError {
            kind: error_kind::DENIED,
            retry: retry::NEVER,
            message: RString::from("a newer plugin that opens nothing"),
            context: RVec::new(),
        })
    })
}

extern "C" fn appended(number: u64) -> u64 {
    number + 1
}

fn module() -> newer::ModRef {
    newer::Mod {
        manifest,
        validate,
        open,
        appended,
    }
    .leak_into_prefix()
}

extern "C" fn constructor() -> RootModuleResult {
    __call_root_module_loader(module)
}

#[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
static LOADER: LibHeader =
    // SAFETY: the constructor erases a `newer::ModRef`.
    unsafe { LibHeader::from_constructor::<newer::ModRef>(constructor, CheckTypeLayout::Yes) };
