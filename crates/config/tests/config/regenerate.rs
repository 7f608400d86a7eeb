//! Files that are generated and kept: compared in a test run, written on request.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

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

/// Compares the part of a document between `<!-- generated: NAME -->` and `<!-- end of generated: NAME -->`, or writes it.
/// Returns the difference.
pub(crate) fn compare_section(path: &Path, name: &str, expected: &str) -> Option<String> {
    // Several parts of one document may be renewed at the same time.
    static WRITING: Mutex<()> = Mutex::new(());
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let document = std::fs::read_to_string(path).unwrap();
    match replace_section(&document, name, expected) {
        Some(document) => compare(path, &document),
        None => Some(format!("{} has no part `{name}`", path.display())),
    }
}

/// Puts a text between the markers of a part; `None` when they are not there.
fn replace_section(document: &str, name: &str, text: &str) -> Option<String> {
    let (start, end) = (
        format!("<!-- generated: {name} -->"),
        format!("<!-- end of generated: {name} -->"),
    );
    let (before, rest) = document.split_once(&start)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{start}\n\n{}\n\n{end}{after}", text.trim()))
}

#[test]
fn only_what_stands_between_the_markers_is_replaced() {
    let document = "a\n<!-- generated: x -->\nold\n<!-- end of generated: x -->\nb\n";
    let replaced = replace_section(document, "x", "new\n").unwrap();
    assert_eq!(
        replaced,
        "a\n<!-- generated: x -->\n\nnew\n\n<!-- end of generated: x -->\nb\n"
    );
    assert_eq!(replace_section(document, "y", "new"), None);
}
