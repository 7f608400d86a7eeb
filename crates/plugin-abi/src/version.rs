//! The version of the interface, and where a library says which one it was built for.

/// The major version: a library of another one is refused.
pub const ABI_MAJOR: u32 = 1;

/// The minor version: it grows when slots are appended to the module, which breaks nobody.
pub const ABI_MINOR: u32 = 0;

/// The symbol of a library that holds its manifest: JSON in UTF-8, ended by a NUL byte.
///
/// It is plain data, so that a library built for another interface can still be told apart.
pub const MANIFEST_SYMBOL: &str = "mcpg_plugin_manifest";

/// Both numbers as a library writes them into its manifest.
pub const ABI_VERSION: &str = "1.0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_the_numbers() {
        assert_eq!(ABI_VERSION, format!("{ABI_MAJOR}.{ABI_MINOR}"));
    }
}
