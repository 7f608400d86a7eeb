//! What the export line expands to. Only the macro uses this module.

pub use mcpg_plugin_abi::export::{RootModuleResult, erase, header};
pub use mcpg_plugin_abi::{LibHeader, ModRef, RStr};

use mcpg_plugin_abi::ABI_VERSION;

use crate::Plugin;

/// Exports a plugin from its library: `export_plugin!(MyPlugin, include_str!("../schema.json"));`.
///
/// The second argument is the text of [`config_schema`](crate::config_schema), which tools read without running
/// the plugin.
#[macro_export]
macro_rules! export_plugin {
    ($plugin:ty, $schema:expr $(,)?) => {
        const _: () = {
            const PARTS: &[&str] = &$crate::export::parts(<$plugin as $crate::Plugin>::KIND, $schema);

            #[unsafe(export_name = "mcpg_plugin_manifest")]
            pub static MANIFEST: [u8; $crate::export::length(PARTS)] = $crate::export::join(PARTS);

            extern "C" fn manifest() -> $crate::export::RStr<'static> {
                $crate::export::text(&MANIFEST)
            }

            fn module() -> $crate::export::ModRef {
                $crate::export::module::<$plugin>(manifest)
            }

            extern "C" fn constructor() -> $crate::export::RootModuleResult {
                $crate::export::erase(module)
            }

            #[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
            pub static LOADER: $crate::export::LibHeader =
                // SAFETY: the constructor erases a `ModRef`.
                unsafe { $crate::export::header(constructor) };
        };
    };
}

/// The pieces of the manifest. None of the inserted texts needs to be escaped.
pub const fn parts<'a>(kind: &'a str, schema: &'a str) -> [&'a str; 13] {
    check_kind(kind);
    [
        r#"{"abi":""#,
        ABI_VERSION,
        r#"","sdk":""#,
        env!("CARGO_PKG_VERSION"),
        r#"","rustc":""#,
        env!("MCPG_RUSTC_VERSION"),
        r#"","id":"dev.mcpg.cluster."#,
        kind,
        r#"","kind":""#,
        kind,
        r#"","config_schema":"#,
        schema,
        "}",
    ]
}

const fn check_kind(kind: &str) {
    let bytes = kind.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let fine =
            bytes[at].is_ascii_lowercase() || (at > 0 && (bytes[at].is_ascii_digit() || bytes[at] == b'_'));
        assert!(
            fine,
            "a kind is one word of lower case letters, digits and underscores"
        );
        at += 1;
    }
    assert!(at > 0, "a kind is not empty");
}

/// The length of the pieces and the NUL byte behind them.
pub const fn length(parts: &[&str]) -> usize {
    let mut length = 1;
    let mut at = 0;
    while at < parts.len() {
        length += parts[at].len();
        at += 1;
    }
    length
}

/// Joins the pieces; what is left of the array is NUL.
pub const fn join<const LENGTH: usize>(parts: &[&str]) -> [u8; LENGTH] {
    let mut joined = [0; LENGTH];
    let mut filled = 0;
    let mut at = 0;
    while at < parts.len() {
        let part = parts[at].as_bytes();
        let mut from = 0;
        while from < part.len() {
            joined[filled] = part[from];
            filled += 1;
            from += 1;
        }
        at += 1;
    }
    joined
}

/// The manifest without its NUL byte.
pub fn text(manifest: &'static [u8]) -> RStr<'static> {
    let text = manifest.split_last().map_or(manifest, |(_, text)| text);
    RStr::from_str(std::str::from_utf8(text).unwrap_or_default())
}

/// The root module of a plugin.
pub fn module<P: Plugin>(manifest: extern "C" fn() -> RStr<'static>) -> ModRef {
    crate::slots::module::<P>(manifest)
}
