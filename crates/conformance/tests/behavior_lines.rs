//! Every promise in the contract has a case in the kit, and every case a promise.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use mcpg_conformance::cases;

#[test]
fn every_behavior_line_has_a_case_and_every_case_a_line() {
    let promised: Vec<String> = contract_sources()
        .iter()
        .flat_map(|path| behavior_lines(&fs::read_to_string(path).unwrap()))
        .map(|line| case_name(&line))
        .collect();
    let distinct: BTreeSet<&str> = promised.iter().map(String::as_str).collect();
    assert_eq!(distinct.len(), promised.len(), "a line is there twice");
    let proven: BTreeSet<&str> = cases().iter().map(|case| case.name).collect();
    let without_case: Vec<_> = distinct.difference(&proven).collect();
    let without_line: Vec<_> = proven.difference(&distinct).collect();
    assert!(without_case.is_empty(), "lines without a case: {without_case:#?}");
    assert!(without_line.is_empty(), "cases without a line: {without_line:#?}");
    assert!(proven.len() > 100, "only {} cases", proven.len());
}

#[test]
fn every_call_of_the_contract_says_how_it_behaves() {
    let traits = ["coordinator", "key_value", "lease", "presence", "pubsub", "watch"];
    for name in traits {
        let path = source_folder().join(format!("{name}.rs"));
        let source = fs::read_to_string(&path).unwrap();
        let silent = silent_methods(&source);
        assert!(silent.is_empty(), "{name}.rs: no behavior lines for {silent:?}");
    }
}

#[test]
fn the_parser_sees_lines_and_what_lacks_them() {
    let source = "
        pub trait Thing {
            /// Does it.
            ///
            /// # Behavior
            /// - done twice is done once: a second line
            ///   goes on here.
            /// - second: more.
            ///
            /// # Errors
            /// - not a promise: at all.
            async fn told(&self);

            /// Says nothing.
            fn silent(&self);
        }
    ";
    assert_eq!(behavior_lines(source), ["done twice is done once", "second"]);
    assert_eq!(case_name("Done twice is done once"), "done_twice_is_done_once");
    assert_eq!(silent_methods(source), ["silent"]);
}

fn source_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../cluster/src")
}

/// All source files of the contract, those in folders included.
fn contract_sources() -> Vec<PathBuf> {
    let mut folders = vec![source_folder()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push(path);
            }
        }
    }
    sources
}

/// The words before the colon of each list item under a `# Behavior` heading.
fn behavior_lines(source: &str) -> Vec<String> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in source.lines() {
        let Some(text) = line.trim().strip_prefix("///").map(str::trim) else {
            inside = false;
            continue;
        };
        if text.starts_with('#') {
            inside = text == "# Behavior";
        } else if let Some(item) = text.strip_prefix("- ").filter(|_| inside) {
            let words = item.split(':').next().unwrap_or(item);
            lines.push(words.to_owned());
        }
    }
    lines
}

fn case_name(line: &str) -> String {
    line.to_lowercase().replace(' ', "_")
}

/// The methods of the file's traits whose documentation has no behaviour lines.
fn silent_methods(source: &str) -> Vec<String> {
    let mut silent = Vec::new();
    let mut doc = String::new();
    let mut inside_trait = false;
    for line in source.lines() {
        let text = line.trim();
        if text.starts_with("pub trait ") {
            inside_trait = true;
        } else if line.trim_end() == "}" {
            inside_trait = false;
        }
        if text.starts_with("///") {
            doc.push_str(line);
            doc.push('\n');
            continue;
        }
        let method = text.trim_start_matches("async ").strip_prefix("fn ");
        let is_silent = inside_trait && behavior_lines(&doc).is_empty();
        if let Some(method) = method.filter(|_| is_silent) {
            let name = method.split(['(', '<']).next().unwrap_or(method);
            silent.push(name.to_owned());
        }
        doc.clear();
    }
    silent
}
