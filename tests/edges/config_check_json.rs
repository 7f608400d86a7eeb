//! `mcpg-config-check --format json`: the same for programs.

use serde_json::{Value, json};

use crate::support::config_check::{Checked, ConfigCheck};

fn parsed(checked: &Checked) -> Value {
    assert_eq!(checked.stderr, "", "programs read standard output alone");
    serde_json::from_str(&checked.stdout).expect("the output is one JSON value")
}

#[test]
fn a_valid_configuration_has_its_summary_and_its_warnings() {
    let text = "plugins: [{id: com.example.other, source: {path: other.so}}]\n";
    let checked = ConfigCheck::of(text).run(&["--format", "json", "config.yaml"]);
    assert_eq!(checked.code, 0);
    let expected = json!({
        "label": "config.yaml",
        "valid": true,
        "summary": {
            "bindings": 0, "federations": 0, "audit": false, "observability": false, "cluster": "single_node",
        },
        "mistakes": [],
        "warnings": [{
            "code": "conflict", "source": "config.yaml", "line": 1, "column": 16, "path": "plugins[0].id",
            "message": "not loaded: `cluster.kind` is `single_node`",
            "found": "`com.example.other`",
            "hint": "remove the entry, or set `disabled: true`",
        }],
    });
    assert_eq!(parsed(&checked), expected);
}

#[test]
fn mistakes_have_the_same_places_as_for_people() {
    let check = ConfigCheck::of("observability:\n  logs: {levl: debug}\n").file("over.yaml", "cluster: {}\n");
    let checked = check.run(&["--format=json", "config.yaml", "over.yaml"]);
    assert_eq!(checked.code, 1);
    let expected = json!({
        "label": "config.yaml + over.yaml",
        "valid": false,
        "summary": null,
        "mistakes": [
            {
                "code": "unknown_key", "source": "config.yaml", "line": 2, "column": 10,
                "path": "observability.logs.levl", "message": "unknown key", "found": "`levl`",
                "allowed": "`level`, `format`", "hint": "did you mean `level`?",
            },
            {
                "code": "missing_key", "source": "over.yaml", "line": 1, "column": 1, "path": "cluster.kind",
                "message": "required key is missing", "found": "nothing",
                "allowed": "a text that matches `^[a-z][a-z0-9_]*$`",
            },
        ],
        "warnings": [],
    });
    assert_eq!(parsed(&checked), expected);
}

#[test]
fn what_cannot_be_read_ends_with_two_here_too() {
    let checked = ConfigCheck::of("").run(&["--format", "json", "missing.yaml"]);
    assert_eq!(checked.code, 2);
    let said = parsed(&checked);
    assert_eq!(said["valid"], false);
    assert_eq!(said["mistakes"][0]["code"], "unreadable");
    assert_eq!(said["mistakes"][0].get("line"), None);
}

#[test]
fn syntax_mistakes_have_a_place_and_no_path() {
    let checked = ConfigCheck::of("a: [\n").run(&["--format", "json", "config.yaml"]);
    let mistake = &parsed(&checked)["mistakes"][0];
    assert_eq!(
        (&mistake["code"], &mistake["path"]),
        (&json!("syntax"), &json!(""))
    );
    assert!(
        mistake["line"].is_u64() && mistake["column"].is_u64(),
        "{mistake}"
    );
}
