//! `mcp.configurations.sessions.store`.

use std::path::PathBuf;

use mcpg_config::app::Store;
use mcpg_config::{Environment, Loaded, Source, load};

const REDIS: &str = "cluster: {kind: redis}\nplugins: [{id: dev.mcpg.cluster.redis, source: {path: a.so}}]\n";

fn loaded(cluster: &str, store: &str) -> Loaded {
    let source = Source::Text {
        label: "a.yaml".to_owned(),
        text: format!("{cluster}mcp: {{configurations: {{sessions: {{store: {store}}}}}}}\n"),
        folder: PathBuf::from("conf"),
    };
    load(&[source], &Environment::empty()).unwrap_or_else(|report| panic!("{report}"))
}

#[test]
fn a_store_is_the_coordinator_memory_or_a_folder_relative_to_its_file() {
    let store = |text: &str| loaded("", text).config.mcp.configurations.sessions;
    assert_eq!(store("{}"), Store::Cluster);
    assert_eq!(store("{kind: cluster}"), Store::Cluster);
    assert_eq!(store("{kind: memory}"), Store::Memory);
    let dir = PathBuf::from("conf/sessions");
    assert_eq!(store("{kind: file, dir: sessions}"), Store::File { dir });
    let dir = PathBuf::from("/var/lib/mcpg");
    assert_eq!(store("{kind: file, dir: /var/lib/mcpg}"), Store::File { dir });
}

#[test]
fn an_2_a_pinned_capability_is_warned_about_where_there_are_replicas() {
    for (store, kind) in [("{kind: memory}", "memory"), ("{kind: file, dir: d}", "file")] {
        let alone = loaded("", store);
        assert!(alone.warnings.is_empty(), "{:?}", alone.warnings);
        let fleet = loaded(REDIS, store);
        let [warning] = fleet.warnings.as_slice() else {
            panic!("{:?}", fleet.warnings);
        };
        assert_eq!(warning.path, "mcp.configurations.sessions.store.kind");
        assert_eq!((warning.line, warning.column), (Some(3), Some(49)));
        let expected = format!(
            "sessions are pinned to the replica that opened them (`{kind}`) though `cluster.kind` is `redis`: every other replica answers them with 404"
        );
        assert_eq!(warning.message, expected);
        assert_eq!(fleet.config.mcp.configurations.pinned(), [("sessions", kind)]);
    }
    assert!(loaded(REDIS, "{kind: cluster}").warnings.is_empty());
}
