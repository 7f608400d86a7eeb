//! Files that are generated and kept: compared in a test run, written on request.

use std::path::Path;

/// Compares a file with what it should hold, or writes it when `MCPG_REGENERATE=1` is set. Returns the difference.
pub(crate) fn compare(path: &Path, expected: &str) -> Option<String> {
    if std::env::var_os("MCPG_REGENERATE").is_some_and(|value| value == "1") {
        std::fs::write(path, expected).unwrap();
        return None;
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    (found != expected).then(|| {
        format!(
            "{} is stale; run `MCPG_REGENERATE=1 cargo test -p mcpg-config` and look at the difference\n\
             --- in the file\n{found}\n--- expected\n{expected}",
            path.display()
        )
    })
}
