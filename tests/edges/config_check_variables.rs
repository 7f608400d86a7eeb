//! `mcpg-config-check` and the environment: not looked at, unless it is asked for.

use crate::support::config_check::ConfigCheck;

const WITH_VARIABLES: &str = "\
gateway:
  server:
    bind_address: ${env.ADDRESS}
    max_sessions: ${env.MAX}
    mcp_path: ${env.MCP_PATH:-/mcp}
mcp:
  federations:
    - name: ${env.NAME}
      upstream: {url: \"${env.URL}\", headers: {authorization: \"Bearer ${env.TOKEN}\"}}
";

#[test]
fn a_variable_that_is_not_set_is_no_mistake() {
    ConfigCheck::of(WITH_VARIABLES)
        .run(&["config.yaml"])
        .assert_valid("✓ config.yaml: valid (0 bindings, 1 federations)");
}

#[test]
fn the_environment_is_not_looked_at_unless_it_is_asked_for() {
    let check = ConfigCheck::of(WITH_VARIABLES)
        .variable("MAX", "many")
        .variable("MCP_PATH", "wrong")
        .variable("ADDRESS", "0.0.0.0:80");
    check
        .run(&["config.yaml"])
        .assert_valid("✓ config.yaml: valid (0 bindings, 1 federations)");
    let checked = check.run(&["--env", "config.yaml"]);
    assert_eq!(checked.code, 1);
    for words in [
        "config.yaml:3:19: gateway.server.bind_address: other machines can reach this address",
        "config.yaml:4:19: gateway.server.max_sessions: wrong type\n  found:   `${env.MAX}` (filled in from the environment)",
        "config.yaml:5:15: gateway.server.mcp_path: not a path",
        "config.yaml:8:13: mcp.federations[0].name: the environment variable NAME is not set",
    ] {
        assert!(checked.stderr.contains(words), "{words}: {}", checked.stderr);
    }
}

#[test]
fn with_env_a_variable_that_is_not_set_is_a_mistake_with_its_key() {
    let text = "gateway: {server: {mcp_path: '${env.MCP_PATH}'}}\n";
    let check = ConfigCheck::of(text);
    check.run(&["--env", "config.yaml"]).assert_invalid(
        "\
✗ config.yaml: invalid

config.yaml:1:30: gateway.server.mcp_path: the environment variable MCP_PATH is not set
  found:   `${env.MCP_PATH}`
  allowed: a variable that is set, or a default as in `${env.MCP_PATH:-default}`
",
    );
    check
        .variable("MCP_PATH", "/x")
        .run(&["--env", "config.yaml"])
        .assert_valid("✓ config.yaml: valid (0 bindings)");
}

#[test]
fn variables_that_override_keys_are_never_applied() {
    let check = ConfigCheck::of("")
        .variable("MCPG_GATEWAY__SERVER__MAX_SESSIONS", "none")
        .variable("MCPG_NO__SUCH__KEY", "1")
        .variable("MCPG_CONFIG", "other.yaml");
    for arguments in [
        &["config.yaml"][..],
        &["--env", "config.yaml"],
        &["--plugins", "config.yaml"],
    ] {
        check
            .run(arguments)
            .assert_valid("✓ config.yaml: valid (0 bindings)");
    }
}

#[test]
fn a_text_that_is_no_variable_and_a_wrong_default_are_mistakes_without_env_too() {
    let text = "gateway: {server: {mcp_path: '${env.1}', max_sessions: '${env.MAX:-0}'}}\n";
    ConfigCheck::of(text).run(&["config.yaml"]).assert_invalid(
        "\
✗ config.yaml: invalid

config.yaml:1:30: gateway.server.mcp_path: not a reference to an environment variable
  found:   `${env.1}`
  allowed: `${env.NAME}` or `${env.NAME:-default}`

config.yaml:1:56: gateway.server.max_sessions: out of range
  found:   `${env.MAX:-0}` (a number)
  allowed: a whole number, 1..=100000000
",
    );
}

#[test]
fn what_came_from_a_variable_is_not_shown() {
    let text = "mcp: {federations: [{name: a, upstream: {url: '${env.URL}'}}]}\n";
    let checked = ConfigCheck::of(text)
        .variable("URL", "ftp://user:s3cret@host/")
        .run(&["--env", "config.yaml"]);
    assert_eq!(checked.code, 1);
    assert!(!checked.stderr.contains("s3cret"), "{}", checked.stderr);
}
