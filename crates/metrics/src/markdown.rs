//! The table for operators.

use std::fmt::Write as _;

use crate::metric::{Label, Metric, Values};
use crate::table::ALL;

/// The table as Markdown: one row per metric.
pub fn markdown() -> String {
    let mut page =
        String::from("| Metric | Type | Unit | Labels | What it says |\n| --- | --- | --- | --- | --- |\n");
    for metric in ALL {
        let Metric {
            name,
            kind,
            unit,
            labels,
            help,
        } = metric;
        let labels: Vec<String> = labels.iter().map(label).collect();
        let _ = writeln!(
            page,
            "| `{name}` | {} | {} | {} | {help} |",
            kind.as_str(),
            unit.as_str(),
            if labels.is_empty() {
                "-".to_owned()
            } else {
                labels.join("; ")
            }
        );
    }
    page
}

fn label(label: &Label) -> String {
    match label.values {
        Values::Words(words) => format!("`{}`: {}", label.name, words.join(", ")),
        Values::Named(what) => format!("`{}`: {what}", label.name),
    }
}
