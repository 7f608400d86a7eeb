//! The audit log of a gateway under test.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::deadline::until_true;
use super::gateway::Settings;

/// A log in a folder of its own.
pub(crate) struct Log {
    folder: TempDir,
    more: Value,
}

impl Log {
    /// A log with the defaults.
    pub(crate) fn new() -> Self {
        Self::with(json!({}))
    }

    /// A log with more keys of the block.
    pub(crate) fn with(more: Value) -> Self {
        Self {
            folder: tempfile::tempdir().expect("the temporary folder is writable"),
            more,
        }
    }

    /// A log that calls must not do without.
    pub(crate) fn fail_closed() -> Self {
        Self::with(json!({"required": true, "on_failure": "fail_closed"}))
    }

    /// The settings of a gateway that writes it.
    pub(crate) fn on(&self, settings: Settings) -> Settings {
        let mut audit = self.more.clone();
        audit["enabled"] = json!(true);
        audit["sinks"] = json!([{"kind": "file", "path": self.path()}]);
        settings.governance("audit", audit)
    }

    /// Where the lines are.
    pub(crate) fn path(&self) -> PathBuf {
        self.file("audit.jsonl")
    }

    /// A file beside it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// All of it.
    pub(crate) fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap_or_default()
    }

    /// Waits for a line that holds `part`.
    pub(crate) async fn line_with(&self, part: &str) {
        until_true(&format!("a line with {part}"), async || {
            self.text().contains(part)
        })
        .await;
    }

    /// The lines, once there are as many; more are a failure.
    pub(crate) async fn lines(&self, count: usize) -> Vec<Value> {
        let what = format!("{count} lines of the audit log");
        until_true(&what, async || self.text().matches('\n').count() >= count).await;
        let lines = read(&self.text());
        assert_eq!(lines.len(), count, "{lines:#?}");
        lines
    }
}

/// Takes whole lines apart, each of which is JSON.
pub(crate) fn read(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'), "half a line: {text}");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}
