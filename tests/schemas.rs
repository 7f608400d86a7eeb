//! The published schemas of the coordinators: one for every plugin, and the one that its library carries.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::plugins::library;

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests/ lies in it").to_path_buf()
}

/// The names of what lies in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_plugin_publishes_the_schema_that_its_library_carries() {
    let kinds = names(&root().join("plugins"));
    assert!(!kinds.is_empty(), "there are no plugins");
    for kind in kinds {
        let own = fs::read(root().join("plugins").join(&kind).join("schema.json")).unwrap_or_default();
        let published = root().join(format!("schemas/cluster-{kind}.json"));
        assert!(
            !own.is_empty() && fs::read(&published).unwrap_or_default() == own,
            "{} is not the schema of the plugin; run `MCPG_REGENERATE=1 cargo test -p mcpg-cluster-{kind} schema`",
            published.display()
        );
        let library = fs::read(library(&format!("mcpg-cluster-{kind}"))).unwrap();
        let carried = library.windows(own.len()).any(|part| part == own);
        assert!(
            carried,
            "the library of {kind} is older than its schema; build it again"
        );
    }
}

#[test]
fn every_published_schema_belongs_to_a_plugin() {
    let plugins = names(&root().join("plugins"));
    for name in names(&root().join("schemas")) {
        let kind = name
            .strip_prefix("cluster-")
            .and_then(|name| name.strip_suffix(".json"));
        let is_known = kind.is_some_and(|kind| plugins.iter().any(|plugin| plugin == kind));
        assert!(
            is_known || name == "app-config.json",
            "schemas/{name} belongs to nothing"
        );
    }
}
