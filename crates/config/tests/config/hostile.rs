//! Texts that nobody writes on purpose: whatever comes in, a report or a configuration comes out.

use mcpg_config::{Environment, Source, load};
use std::path::{Path, PathBuf};

fn judge(text: String) -> bool {
    let source = Source::Text {
        label: "a.yaml".to_owned(),
        text,
        folder: PathBuf::new(),
    };
    match load(&[source], &Environment::empty()) {
        Ok(_) => true,
        Err(report) => {
            assert!(!report.mistakes.is_empty(), "a refusal names no mistake");
            assert!(!report.to_string().is_empty());
            false
        }
    }
}

#[test]
fn deep_nesting_is_refused() {
    assert!(!judge("[".repeat(100_000)));
    assert!(!judge(format!("{}1{}", "[".repeat(500), "]".repeat(500))));
    assert!(!judge(
        (0..300)
            .map(|depth| format!("{}a:\n", " ".repeat(depth)))
            .collect()
    ));
}

#[test]
fn aliases_that_nest_are_refused() {
    let mut text = "a0: &a0 [x]\n".to_owned();
    for level in 1..3000 {
        text.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    assert!(!judge(text));
}

#[test]
fn aliases_that_multiply_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = level - 1;
        let list = vec![format!("*a{below}"); 9].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{list}]\n"));
    }
    assert!(!judge(text));
}

#[test]
fn an_example_with_a_piece_missing_or_doubled_never_panics() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/quickstart.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();
    let mut refused = 0;
    for at in 0..lines.len() {
        let without: Vec<&str> = lines
            .iter()
            .enumerate()
            .filter(|(line, _)| *line != at)
            .map(|(_, line)| *line)
            .collect();
        let mut doubled = lines.clone();
        doubled.insert(at, lines[at]);
        let cut = lines[..at].join("\n");
        let deeper = lines.iter().enumerate().map(|(line, text)| {
            if line == at {
                format!("  {text}")
            } else {
                (*text).to_owned()
            }
        });
        let deeper: Vec<String> = deeper.collect();
        for text in [without.join("\n"), doubled.join("\n"), cut, deeper.join("\n")] {
            refused += usize::from(!judge(text));
        }
    }
    assert!(refused > lines.len(), "only {refused} variants were refused");
}
