//! Rules about the source that no compiler checks: who takes primitives, and which tests may wait.

use std::fs;
use std::path::Path;

use crate::layering::{root, rust_files};

/// Who may take primitives from a coordinator: what makes replicas a fleet, what shows it, and the one place that gives
/// each capability its own.
const TAKE_PRIMITIVES: &[&str] = &[
    "crates/capabilities/src/fleet.rs",
    "crates/capabilities/src/inherit.rs",
    "crates/mcpg/src/capabilities.rs",
    "crates/mcpg/src/coordinator/",
    "crates/mcpg/src/member.rs",
    "crates/mcpg/src/status/",
];

/// What stands for something slow, instead of waiting for something to have happened.
const ARE_SLOW: &[&str] = &[
    "crates/gateway/src/router/testing.rs",
    "crates/plugin-host/src/poller.rs",
    "tests/edges/web_server.rs",
    "tests/fixtures/plugin/",
    "tests/support/fault_proxy_relay.rs",
    "tests/upstream/",
];

/// How many lines above a pause its loop begins at most.
const LOOP: usize = 12;

#[test]
fn hm_3_a_capability_gets_its_primitives_from_one_place() {
    let mut mistakes = Vec::new();
    for folder in ["crates/capabilities/src", "crates/gateway/src", "crates/mcpg/src"] {
        for (name, text) in sources(folder) {
            let allowed = TAKE_PRIMITIVES.iter().any(|place| name.starts_with(place));
            let (product, _) = text.split_once("mod tests {").unwrap_or((&text, ""));
            if !allowed && !is_test(&name) && product.contains("primitives()") {
                mistakes.push(format!(
                    "{name} takes primitives: let capabilities::inherit choose them"
                ));
            }
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn sb_7_no_test_waits_for_a_fixed_time() {
    let mut mistakes = Vec::new();
    for (name, text) in sources("tests") {
        if ARE_SLOW.iter().any(|slow| name.starts_with(slow)) || name == file!() {
            continue;
        }
        mistakes.extend(waits(&text).map(|line| format!("{name}: {line}: poll with a deadline instead")));
    }
    for folder in ["crates", "plugins", "mcpg-config-check"] {
        for (name, text) in sources(folder) {
            if ARE_SLOW.contains(&name.as_str()) {
                continue;
            }
            let tests = match text.split_once("#[cfg(test)]\nmod tests {") {
                Some((_, tests)) => tests,
                None if is_test(&name) => text.as_str(),
                None => continue,
            };
            // On virtual time a pause takes none.
            let is_virtual = tests.contains("start_paused") || is_in_simulated_folder(&name);
            if !is_virtual {
                mistakes.extend(waits(tests).map(|line| format!("{name}: {line}: use virtual time")));
            }
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn the_search_for_waits_finds_every_form() {
    for wait in [
        "    sleep(Duration::from_secs(1)).await;",
        "    tokio::time::sleep(PAUSE).await;",
        "std::thread::sleep(a)",
        "let pause = time::sleep_until(then);",
    ] {
        assert_eq!(waits(wait).count(), 1, "{wait}");
    }
    for other in [
        "// sleep(a) would be wrong",
        r#"start(id, "tools/call", sleep(25_000, &tag))"#,
        "fn sleep(ms: u64) -> Value {",
        "while !is_there() {\n    sleep(Duration::from_millis(5)).await;\n}",
        "loop {\n    look();\n    tokio::time::sleep(PAUSE).await;\n}",
        "let params = sleep(number * 3, \"race\");",
    ] {
        assert_eq!(waits(other).count(), 0, "{other}");
    }
}

/// The lines that let time pass, but for those of a loop that looks again after each.
fn waits(text: &str) -> impl Iterator<Item = &str> {
    let forms = [
        "time::sleep(",
        "thread::sleep(",
        "sleep_until(",
        "park_timeout(",
        "sleep(Duration",
    ];
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_wait = move |at: &usize| {
        let line = lines[*at];
        let looks_again = lines[at.saturating_sub(LOOP)..*at]
            .iter()
            .any(|before| before.starts_with("while ") || before.ends_with("loop {"));
        !line.starts_with("//") && !looks_again && forms.iter().any(|form| line.contains(form))
    };
    let numbered = text.lines().map(str::trim).enumerate();
    numbered.filter(move |(at, _)| is_wait(at)).map(|(_, line)| line)
}

fn is_test(name: &str) -> bool {
    ["/tests/", "tests.rs", "/testing/", "testing.rs", "/simulation/"]
        .iter()
        .any(|part| name.contains(part))
}

/// The capabilities' own harness and simulation run on paused time whatever a single file says.
fn is_in_simulated_folder(name: &str) -> bool {
    name.starts_with("crates/capabilities/src/")
}

/// Name and text of each source in a folder.
fn sources(folder: &str) -> Vec<(String, String)> {
    let root = root();
    let files = rust_files(&root.join(folder));
    assert!(!files.is_empty(), "{folder} holds no source");
    let read = |path: &Path| {
        let name = path.strip_prefix(&root).unwrap_or(path).display().to_string();
        (name, fs::read_to_string(path).expect("a listed file can be read"))
    };
    files.iter().map(|path| read(path)).collect()
}
