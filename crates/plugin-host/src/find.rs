//! Where the library lies.

use std::path::{Path, PathBuf};

use crate::PluginError;

/// Finds the library of a plugin. A relative `source` counts from `base`, the folder of the configuration file.
///
/// # Errors
/// When there is no such file; the message names the package to build.
pub fn find(base: &Path, source: &Path) -> Result<PathBuf, PluginError> {
    let path = base.join(source);
    if path.is_file() {
        return Ok(path);
    }
    let stem = source.file_stem().unwrap_or_default().to_string_lossy();
    let package = stem.strip_prefix("lib").unwrap_or(&stem).replace('_', "-");
    Err(PluginError::Missing { path, package })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_names_the_package_to_build() {
        let error = find(
            Path::new("/nowhere"),
            Path::new("plugins/libmcpg_cluster_redis.so"),
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "plugin library /nowhere/plugins/libmcpg_cluster_redis.so does not exist: build it with `cargo build \
             --release -p mcpg-cluster-redis`, or correct source.path"
        );
    }
}
