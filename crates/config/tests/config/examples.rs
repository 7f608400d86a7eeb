use mcpg_config::{Environment, Source, load};
use std::path::Path;

#[test]
fn every_example_loads_without_a_warning() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut loaded = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let result = load(&[Source::File(path)], &Environment::empty());
            let example = result.unwrap_or_else(|report| panic!("{report}"));
            assert!(example.warnings.is_empty(), "{name}: {:?}", example.warnings);
            loaded.push(name);
        }
    }
    for name in [
        "quickstart.yaml",
        "everything.yaml",
        "backends.yaml",
        "programs.yaml",
    ] {
        assert!(
            loaded.iter().any(|found| found == name),
            "{name} is missing among {loaded:?}"
        );
    }
}

#[test]
fn the_quickstart_offers_what_it_promises() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/quickstart.yaml");
    let config = load(&[Source::File(path)], &Environment::empty())
        .unwrap_or_else(|report| panic!("{report}"))
        .config;
    assert_eq!(config.gateway.server.bind_address.to_string(), "127.0.0.1:8787");
    assert!(config.cluster.is_single_node());
    let tools: Vec<&str> = config
        .mcp
        .capabilities
        .tools
        .iter()
        .map(|tool| tool.name.as_str())
        .collect();
    assert_eq!(tools, ["echo", "slow", "ask_name"]);
}
