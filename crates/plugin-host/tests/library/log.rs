//! The plugin's events in the host's log.

use std::io::Write;
use std::sync::{Arc, Mutex};

use mcpg_plugin_host::{Deadlines, Plugin};
use serde_json::json;

use crate::libraries::altered;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn events_of_a_plugin_appear_under_its_name() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_writer(move || writer.clone())
        .finish();
    // For the whole process: with a subscriber of one thread only, another test that reaches the same place in the
    // host first would switch that place off for everybody.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    // A copy of its own: a library asks the host for its log level only when it is opened for the first time.
    let folder = tempfile::tempdir().unwrap();
    let library = altered(folder.path(), "log.so", r#"{"abi":"1.0""#, r#"{"abi":"1.1""#);
    let plugin = Plugin::load(&library, Deadlines::default()).unwrap();
    plugin
        .open(&json!({"deployment": "log", "size": 1}))
        .await
        .unwrap();
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let line = text
        .lines()
        .find(|line| line.contains("The fixture opens."))
        .expect("the event");
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["target"], "mcpg_plugin");
    assert_eq!(line["fields"]["plugin"], "dev.mcpg.cluster.fixture");
    assert_eq!(line["fields"]["module"], "mcpg_fixture_plugin::plugin");
    assert!(
        line["fields"]["fields"].as_str().unwrap().contains("size=1"),
        "{line}"
    );
}
