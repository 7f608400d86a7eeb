//! Bad configurations and the reports that they get.
//!
//! A case is `name.yaml` with, where it needs them, a second layer `name.over.yaml` and variables `name.env`. Its report
//! stands in `name.report`.

use crate::regenerate::compare;
use mcpg_config::{DiagnosticCode, Environment, Report, Source, load};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn cases() -> Vec<String> {
    let mut cases: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| {
            entry
                .unwrap()
                .file_name()
                .to_str()?
                .strip_suffix(".yaml")
                .map(str::to_owned)
        })
        .filter(|name| !name.contains('.'))
        .collect();
    cases.sort();
    cases
}

fn report(case: &str) -> Report {
    let layer = |name: String| {
        let text = std::fs::read_to_string(folder().join(&name)).ok()?;
        Some(Source::Text {
            label: name,
            text,
            folder: PathBuf::from("conf"),
        })
    };
    let sources: Vec<Source> = [format!("{case}.yaml"), format!("{case}.over.yaml")]
        .into_iter()
        .filter_map(layer)
        .collect();
    let variables = std::fs::read_to_string(folder().join(format!("{case}.env"))).unwrap_or_default();
    let environment: Environment = variables
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    match load(&sources, &environment) {
        Ok(_) => panic!("{case} was accepted"),
        Err(report) => report,
    }
}

#[test]
fn every_bad_configuration_gets_its_report() {
    let cases = cases();
    assert!(cases.len() >= 40, "only {} cases were found", cases.len());
    let stale: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            compare(
                &folder().join(format!("{case}.report")),
                &format!("{}\n", report(case)),
            )
        })
        .collect();
    assert!(stale.is_empty(), "{}", stale.join("\n\n"));
}

#[test]
fn every_mistake_is_one_block_with_a_place() {
    for case in cases() {
        let report = report(&case);
        let text = report.to_string();
        assert_eq!(text.split("\n\n").count(), report.mistakes.len() + 1, "{case}");
        for mistake in &report.mistakes {
            let is_variable = mistake.source.starts_with("environment variable ");
            assert!(
                is_variable || (mistake.line.is_some() && mistake.column.is_some()),
                "{case}: {mistake}"
            );
        }
    }
}

#[test]
fn no_report_shows_a_credential_or_a_vague_alternative() {
    for case in cases() {
        let report = report(&case);
        let text = report.to_string() + &serde_json::to_string(&report).unwrap();
        for forbidden in ["s3cret", "user:secret", "oneOf", "anyOf", "deserialize"] {
            assert!(!text.contains(forbidden), "{case}: {text}");
        }
    }
}

#[test]
fn every_mistake_says_what_was_found_and_what_is_allowed() {
    for case in cases() {
        for mistake in report(&case).mistakes {
            let complete = mistake.found.is_some() && mistake.allowed.is_some();
            assert!(
                complete || mistake.code == DiagnosticCode::Syntax,
                "{case}: {mistake}"
            );
        }
    }
}
