//! The libraries of the plugins, as `cargo build --workspace` leaves them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// The library of a package, such as `mcpg-cluster-redis`.
///
/// # Panics
/// When it has not been built: `cargo test` builds no plugin libraries.
pub(crate) fn library(package: &str) -> PathBuf {
    let name = format!("lib{}.so", package.replace('-', "_"));
    let path = match std::env::var_os("MCPG_PLUGINS") {
        Some(folder) => PathBuf::from(folder).join(name),
        None => {
            let test = std::env::current_exe().expect("a running test has a path");
            let profile = test.parent().and_then(Path::parent);
            profile.expect("a test lies in deps/").join(name)
        }
    };
    assert!(
        path.is_file(),
        "the plugin is not there; build it first: cargo build -p {package} (expected at {})",
        path.display()
    );
    path
}

/// The entry of `plugins` for the plugin of a kind.
pub(crate) fn entry(kind: &str, library: &Path) -> Value {
    json!({"id": format!("dev.mcpg.cluster.{kind}"), "source": {"path": library}})
}
