//! Configurations that are judged without an environment, and what is said about them.
//!
//! A case is `name.yaml`; what is said stands in `name.outcome`.

use crate::regenerate::compare;
use mcpg_config::{Environment, Source, inspect, load};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn source(label: &str, text: String) -> Source {
    Source::Text {
        label: label.to_owned(),
        text,
        folder: PathBuf::from("conf"),
    }
}

fn outcome(path: &Path) -> String {
    let label = path.file_name().unwrap().to_str().unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let (mut said, warnings) = match inspect(&[source(label, text)]) {
        Ok(inspected) => (format!("✓ {}: valid\n", inspected.label), inspected.warnings),
        Err(report) => (format!("{report}\n"), report.warnings),
    };
    for warning in warnings {
        said.push_str(&format!("\nwarning: {warning}\n"));
    }
    said
}

#[test]
fn every_configuration_gets_its_outcome() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inspected");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    cases.sort();
    assert!(cases.len() >= 6, "only {} cases were found", cases.len());
    let stale: Vec<String> = cases
        .iter()
        .filter_map(|case| compare(&case.with_extension("outcome"), &outcome(case)))
        .collect();
    assert!(stale.is_empty(), "{}", stale.join("\n\n"));
}

#[test]
fn a_variable_may_stand_wherever_a_scalar_stands() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for name in ["tests/inspected/complete.yaml", "../../examples/fleet/mcpg.yaml"] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let whole = inspect(&[source(name, text)]).unwrap().places.values();
        let mut scalars = Vec::new();
        collect(&whole, String::new(), &mut scalars);
        assert!(scalars.len() >= 3, "{name} holds nothing");
        for pointer in scalars {
            let mut changed = whole.clone();
            *changed.pointer_mut(&pointer).unwrap() = json!("${env.UNKNOWN}");
            match inspect(&[source(name, changed.to_string())]) {
                Ok(judged) if judged.warnings.is_empty() => {}
                judged => wrong.push(format!("{pointer}: {judged:#?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Lists the places of texts, numbers and booleans, but for schemas, which belong to the protocol.
fn collect(value: &Value, pointer: String, scalars: &mut Vec<String>) {
    match value {
        Value::Object(entries) => entries
            .iter()
            .filter(|(key, _)| !key.ends_with("schema"))
            .for_each(|(key, value)| collect(value, format!("{pointer}/{key}"), scalars)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, item)| collect(item, format!("{pointer}/{index}"), scalars)),
        _ => scalars.push(pointer),
    }
}

#[test]
fn the_environment_of_the_process_has_no_say() {
    let text = "gateway: {server: {max_sessions: '${env.PATH}', mcp_path: '${env.HOME:-/x}'}}";
    let inspected = inspect(&[source("a.yaml", text.to_owned())]).unwrap();
    let values = inspected.places.values();
    assert_eq!(values["gateway"]["server"]["max_sessions"], "${env.PATH}");
    assert_eq!(values["gateway"]["server"]["mcp_path"], "/x");
}

#[test]
fn an_environment_may_fill_in_variables_without_overriding_keys() {
    let variables = [
        ("MAX", "7"),
        ("MCPG_GATEWAY__SERVER__MAX_SESSIONS", "9"),
        ("MCPG_NO__KEY", "x"),
    ];
    let environment: Environment = variables.into_iter().collect();
    let text = "gateway: {server: {max_sessions: '${env.MAX}'}}".to_owned();
    let loaded = load(&[source("a.yaml", text)], &environment.without_overrides()).unwrap();
    assert_eq!(loaded.config.gateway.server.max_sessions, 7);
}
