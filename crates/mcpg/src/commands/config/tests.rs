#![allow(clippy::unwrap_used)]

use mcpg_config::{Environment, Loaded, Source, load};

use super::STARTER;

/// A line that may be used: `#` and a key, or `#` and what belongs to the key above. Remarks have one space behind the `#`.
fn uncommented(line: &str) -> Option<String> {
    let at = line.find('#').filter(|at| line[..*at].trim().is_empty())?;
    let (indent, behind) = (&line[..at], &line[at + 1..]);
    let is_remark = behind.is_empty() || (behind.starts_with(' ') && !behind.starts_with("  "));
    (!is_remark).then(|| format!("{indent}{behind}"))
}

/// The blocks that may be used, as the numbers of their first line and of the line behind them.
fn blocks() -> Vec<(usize, usize)> {
    let mut blocks: Vec<(usize, usize)> = Vec::new();
    for (number, line) in STARTER.lines().enumerate() {
        if uncommented(line).is_some() {
            match blocks.last_mut() {
                Some((_, end)) if *end == number => *end += 1,
                _ => blocks.push((number, number + 1)),
            }
        }
    }
    blocks
}

/// The starter with these of its blocks in use.
fn using(used: &[(usize, usize)]) -> String {
    let lines = STARTER.lines().enumerate().map(|(number, line)| {
        let is_used = used.iter().any(|(start, end)| (*start..*end).contains(&number));
        match uncommented(line).filter(|_| is_used) {
            Some(line) => line + "\n",
            None => format!("{line}\n"),
        }
    });
    lines.collect()
}

fn loaded(text: &str) -> Loaded {
    let source = Source::Text {
        label: "starter.yaml".to_owned(),
        text: text.to_owned(),
        folder: ".".into(),
    };
    let loaded = load(&[source], &Environment::empty());
    loaded.unwrap_or_else(|report| panic!("{report}\n{text}"))
}

#[test]
fn the_starter_is_valid_as_it_is() {
    let loaded = loaded(STARTER);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert!(loaded.config.cluster.is_single_node());
    assert!(loaded.config.bindings() > 0, "there is something to see");
}

#[test]
fn every_block_is_valid_when_it_is_used() {
    let blocks = blocks();
    assert!(blocks.len() >= 10, "only {} blocks were found", blocks.len());
    let unchanged = loaded(STARTER).places.values();
    for block in &blocks {
        let loaded = loaded(&using(&[*block]));
        let lines: Vec<&str> = STARTER.lines().collect();
        let text = lines[block.0..block.1].join("\n");
        assert!(loaded.warnings.is_empty(), "{text}\n{:?}", loaded.warnings);
        assert_ne!(loaded.places.values(), unchanged, "it says nothing new:\n{text}");
    }
}

#[test]
fn all_blocks_are_valid_together() {
    let loaded = loaded(&using(&blocks()));
    assert!(!loaded.config.cluster.is_single_node());
    // The folder for sessions is meant for a gateway that is alone.
    let warned: Vec<&str> = loaded
        .warnings
        .iter()
        .map(|warning| warning.path.as_str())
        .collect();
    assert_eq!(warned, ["mcp.configurations.sessions.store.kind"]);
}

#[test]
fn remarks_and_lines_that_may_be_used_are_told_apart() {
    assert_eq!(uncommented("  # A remark."), None);
    assert_eq!(uncommented("#"), None);
    assert_eq!(uncommented("key: value  #more"), None);
    assert_eq!(uncommented("  #key: value").as_deref(), Some("  key: value"));
    assert_eq!(uncommented("#  inner: value").as_deref(), Some("  inner: value"));
}
