//! `mcpg-config-check`: what it says about files alone, where it says it, and how it ends.

use crate::support::config_check::{ConfigCheck, published_schema};

const TWO_TOOLS: &str = "\
mcp:
  capabilities:
    tools:
      - {name: a, backend: {kind: mock}}
      - {name: b, backend: {kind: mock}}
";

#[test]
fn a_valid_file_is_one_line_with_what_applies() {
    ConfigCheck::of(TWO_TOOLS)
        .run(&["./config.yaml"])
        .assert_valid("✓ ./config.yaml: valid (2 bindings)");
    ConfigCheck::of("")
        .run(&["config.yaml"])
        .assert_valid("✓ config.yaml: valid (0 bindings)");
}

#[test]
fn bindings_of_every_sort_upstreams_and_the_kind_are_named() {
    let text = "\
cluster: {kind: nats}
plugins: [{id: dev.mcpg.cluster.nats, source: {path: /nowhere/nats.so}}]
mcp:
  capabilities:
    tools: [{name: a, backend: {kind: mock}}]
    prompts: [{name: a, backend: {kind: mock}}]
    resources: [{uri: 'demo://a', backend: {kind: mock}}]
    resource_templates: [{uri_template: 'demo://{a}', backend: {kind: mock}}]
  federations:
    - {name: one, upstream: {url: 'http://127.0.0.1:1/mcp'}}
    - {name: two, upstream: {url: 'http://127.0.0.1:2/mcp'}}
";
    let check = ConfigCheck::of(text);
    let path = check.path("config.yaml").display().to_string();
    check.run(&[&path]).assert_valid(&format!(
        "✓ {path}: valid (4 bindings, 2 federations, cluster: nats)"
    ));
}

#[test]
fn audit_and_observability_are_named_when_they_are_on() {
    let text = "\
gateway: {admin: {bind_address: '127.0.0.1:9090'}}
governance: {audit: {enabled: true, sinks: [{kind: stderr}]}}
observability: {metrics: {enabled: true}}
cluster: {kind: nats}
plugins: [{id: dev.mcpg.cluster.nats, source: {path: nats.so}}]
mcp: {capabilities: {tools: [{name: a, backend: {kind: mock}}]}}
";
    ConfigCheck::of(text)
        .run(&["./config.yaml"])
        .assert_valid("✓ ./config.yaml: valid (1 bindings, audit on, observability on, cluster: nats)");
    ConfigCheck::of(&text.replace("true", "false"))
        .run(&["./config.yaml"])
        .assert_valid("✓ ./config.yaml: valid (1 bindings, cluster: nats)");
}

#[test]
fn every_mistake_is_told_with_its_place_and_a_suggestion() {
    let text = "observability:\n  logs:\n    levl: debug\n    format: jsn\ngateway:\n  server: {max_sessions: none}\n\
                governance:\n  access: {allow_anonymous: yes}\n";
    ConfigCheck::of(text).run(&["config.yaml"]).assert_invalid(
        "\
✗ config.yaml: invalid

config.yaml:3:5: observability.logs.levl: unknown key
  found:   `levl`
  allowed: `level`, `format`
  hint:    did you mean `level`?

config.yaml:4:13: observability.logs.format: unknown value
  found:   `jsn`
  allowed: `human`, `json`
  hint:    did you mean `json`?

config.yaml:6:26: gateway.server.max_sessions: wrong type
  found:   `none`
  allowed: a whole number, 1..=100000000

config.yaml:8:29: governance.access.allow_anonymous: wrong type
  found:   `yes`
  allowed: `true` or `false`
  hint:    write `true`
",
    );
}

#[test]
fn a_kind_without_its_plugin_is_refused_here_too() {
    ConfigCheck::of("cluster: {kind: redis}\n").run(&["config.yaml"]).assert_invalid("\
✗ config.yaml: invalid

config.yaml:1:17: cluster.kind: kind `redis` needs the plugin `dev.mcpg.cluster.redis`, and no entry of `plugins` has that id
  found:   `redis`
  allowed: `single_node`, or a kind whose plugin has an entry in `plugins`
  hint:    add to config.yaml: `plugins: [{id: dev.mcpg.cluster.redis, source: {path: libmcpg_cluster_redis.so}}]` with the path of the library
");
}

#[test]
fn several_files_are_layers_and_a_mistake_names_its_own() {
    let check = ConfigCheck::of(TWO_TOOLS).file("over.yaml", "mcp: {capabilities: {tools: []}}\n");
    let layers = ["config.yaml", "over.yaml"];
    check
        .run(&layers)
        .assert_valid("✓ config.yaml + over.yaml: valid (0 bindings)");
    let check = check.file("over.yaml", "gateway: {server: {upgrade_after_ms: 012}}\n");
    check.run(&layers).assert_invalid(
        "\
✗ config.yaml + over.yaml: invalid

over.yaml:1:38: gateway.server.upgrade_after_ms: a number with a leading zero means different things to different readers
  found:   `012`
  allowed: a number without leading zeros
  hint:    write `12` for the number or `\"012\"` for the text
",
    );
}

#[test]
fn a_dash_is_standard_input_and_may_be_a_layer() {
    let check = ConfigCheck::of(TWO_TOOLS)
        .input("mcp: {capabilities: {prompts: [{name: p, backend: {kind: mock}}]}}");
    check.run(&["-"]).assert_valid("✓ -: valid (1 bindings)");
    check
        .run(&["config.yaml", "-"])
        .assert_valid("✓ config.yaml + -: valid (3 bindings)");
    ConfigCheck::of("")
        .input("gateway:\n\tserver: {}\n")
        .run(&["-"])
        .assert_invalid(
            "✗ -: invalid\n\n-:2:2: not valid YAML: tabs disallowed within this context (block indentation)\n",
        );
}

#[test]
fn warnings_go_to_standard_error_and_the_file_stays_valid() {
    let text = "plugins: [{id: dev.mcpg.cluster.redis, source: {path: redis.so}}]\n";
    let checked = ConfigCheck::of(text).run(&["config.yaml"]);
    assert_eq!(checked.code, 0);
    assert_eq!(checked.stdout, "✓ config.yaml: valid (0 bindings)\n");
    assert_eq!(
        checked.stderr,
        "\
warning: config.yaml:1:16: plugins[0].id: not loaded: `cluster.kind` is `single_node`
  found:   `dev.mcpg.cluster.redis`
  hint:    set `cluster.kind: redis` to use it, or `disabled: true` to be silent about it
"
    );
}

#[test]
fn what_cannot_be_read_ends_with_two() {
    let check = ConfigCheck::of("gateway: {servr: 1}");
    let checked = check.run(&["config.yaml", "missing.yaml"]);
    assert_eq!((checked.code, checked.stdout.as_str()), (2, ""));
    assert_eq!(
        checked.stderr,
        "\
✗ config.yaml + missing.yaml: invalid

missing.yaml: cannot be read: No such file or directory (os error 2)
"
    );
    let checked = check.run(&["."]);
    assert_eq!(checked.code, 2);
    assert_eq!(
        checked.stderr,
        "✗ .: invalid\n\n.: cannot be read: Is a directory (os error 21)\n"
    );
}

#[test]
fn a_file_that_is_not_utf_8_is_invalid() {
    ConfigCheck::of("")
        .file("config.yaml", b"gateway:\n  \xff\n")
        .run(&["config.yaml"])
        .assert_invalid("✗ config.yaml: invalid\n\nconfig.yaml:2:3: the file is not UTF-8 from here on\n");
}

#[test]
fn a_wrong_command_line_ends_with_two() {
    let check = ConfigCheck::of("");
    for (arguments, words) in [
        (&[][..], "<FILE>..."),
        (&["config.yaml", "--envs"], "--env"),
        (&["--schema", "config.yaml"], "cannot be used with"),
        (&["--format", "xml", "config.yaml"], "possible values: text, json"),
        (
            &["-", "config.yaml", "-"],
            "standard input (`-`) can be read only once",
        ),
    ] {
        let checked = check.run(arguments);
        assert_eq!((checked.code, checked.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(
            checked.stderr.contains(words),
            "{arguments:?}: {}",
            checked.stderr
        );
    }
}

#[test]
fn help_and_version_are_no_mistakes() {
    let check = ConfigCheck::of("");
    let help = check.run(&["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    for option in ["--env", "--plugins", "--format", "--schema", "FILE"] {
        assert!(help.stdout.contains(option), "{option}: {}", help.stdout);
    }
    check
        .run(&["--version"])
        .assert_valid(concat!("mcpg-config-check ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_schema_is_the_published_one() {
    let checked = ConfigCheck::of("").run(&["--schema"]);
    assert_eq!((checked.code, checked.stderr.as_str()), (0, ""));
    assert_eq!(checked.stdout, published_schema());
}

#[test]
fn an_invalid_file_has_its_warnings_behind_the_mistakes() {
    let text = "plugins: [{id: com.example.other, source: {path: other.so}}]\ncluster: {}\n";
    ConfigCheck::of(text).run(&["config.yaml"]).assert_invalid(
        "\
✗ config.yaml: invalid

config.yaml:2:1: cluster.kind: required key is missing
  found:   nothing
  allowed: a text that matches `^[a-z][a-z0-9_]*$`
warning: config.yaml:1:16: plugins[0].id: not loaded: `cluster.kind` is `single_node`
  found:   `com.example.other`
  hint:    remove the entry, or set `disabled: true`
",
    );
}

#[test]
fn an_output_that_cannot_be_written_ends_with_two() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for arguments in [&["config.yaml"][..], &["--schema"]] {
        let checked = ConfigCheck::of("").run_into(arguments, full.try_clone().unwrap());
        assert_eq!(checked.code, 2);
        assert_eq!(
            checked.stderr,
            "mcpg-config-check: the result cannot be written: No space left on device (os error 28)\n"
        );
    }
}
