use mcpg_config::app::{
    Backend, CommandTransport, Federation, HttpTransport, LogFormat, LogLevel, MockContent, SessionMode,
    UpstreamProtocol, UpstreamTransport,
};
use mcpg_config::{AppConfig, DiagnosticCode, Environment, Loaded, Source, load};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn layer(label: &str, text: &str) -> Source {
    Source::Text {
        label: label.to_owned(),
        text: text.to_owned(),
        folder: PathBuf::from("conf"),
    }
}

fn loaded(sources: &[Source], variables: &[(&str, &str)]) -> Loaded {
    let environment = variables.iter().copied().collect();
    load(sources, &environment).unwrap_or_else(|report| panic!("{report}"))
}

fn http(federation: &Federation) -> &HttpTransport {
    match &federation.upstream.transport {
        UpstreamTransport::Http(http) => http,
        UpstreamTransport::Command(command) => panic!("{command:?}"),
    }
}

fn command(federation: &Federation) -> &CommandTransport {
    match &federation.upstream.transport {
        UpstreamTransport::Command(command) => command,
        UpstreamTransport::Http(http) => panic!("{http:?}"),
    }
}

fn config(text: &str, variables: &[(&str, &str)]) -> AppConfig {
    loaded(&[layer("a.yaml", text)], variables).config
}

#[test]
fn an_empty_file_is_the_default_configuration() {
    for text in ["", "# nothing\n", "{}", "gateway:\nmcp:\n  federations:\n"] {
        let config = config(text, &[]);
        let server = &config.gateway.server;
        assert_eq!(server.bind_address.to_string(), "127.0.0.1:8787");
        assert_eq!(
            (server.mcp_path.as_str(), server.health_path.as_str()),
            ("/mcp", "/health")
        );
        assert_eq!(server.request_timeout, Duration::from_secs(30));
        assert_eq!(server.upgrade_after, Duration::from_millis(250));
        assert_eq!(server.session_idle_timeout, Duration::from_secs(900));
        assert_eq!(server.max_sessions, 1_000_000);
        assert_eq!(
            (server.max_request_body_bytes, server.max_response_bytes),
            (4 << 20, 16 << 20)
        );
        assert_eq!(server.shutdown_timeout, Duration::from_secs(30));
        assert!(server.allowed_hosts.allows("localhost:1") && !server.allowed_hosts.allows("example.com"));
        assert!(server.allowed_origins.allows("http://127.0.0.1:5173"));
        assert!(config.cluster.is_single_node());
        assert!(!config.governance.access.allow_anonymous);
        assert_eq!(
            (config.observability.logs.level, config.observability.logs.format),
            (LogLevel::Info, None)
        );
        assert_eq!(config.bindings() + config.mcp.federations.len(), 0);
    }
}

#[test]
fn no_layer_at_all_is_the_default_configuration() {
    assert!(loaded(&[], &[]).config.cluster.is_single_node());
}

#[test]
fn a_later_layer_wins_and_maps_are_joined() {
    let base = layer(
        "base.yaml",
        "gateway:\n  server:\n    mcp_path: /a\n    max_sessions: 5\n    allowed_hosts: [a, b]\n",
    );
    let over = layer(
        "over.yaml",
        "gateway:\n  server:\n    mcp_path: /b\n    allowed_hosts: [c]\nobservability: {logs: {format: json}}\n",
    );
    let loaded = loaded(&[base, over], &[]);
    assert_eq!(loaded.label, "base.yaml + over.yaml");
    let server = loaded.config.gateway.server;
    assert_eq!((server.mcp_path.as_str(), server.max_sessions), ("/b", 5));
    assert!(server.allowed_hosts.allows("c") && !server.allowed_hosts.allows("a"));
    assert_eq!(loaded.config.observability.logs.format, Some(LogFormat::Json));
}

#[test]
fn a_key_without_a_value_in_a_later_layer_brings_the_default_back() {
    let base = layer("base.yaml", "gateway: {server: {max_sessions: 5}}");
    let over = layer("over.yaml", "gateway: {server: {max_sessions: }}");
    assert_eq!(
        loaded(&[base, over], &[]).config.gateway.server.max_sessions,
        1_000_000
    );
}

#[test]
fn variables_override_keys_with_typed_values() {
    let text = "mcp:\n  federations:\n    - name: a\n      upstream: {url: 'http://127.0.0.1:1/mcp', headers: {X-Key: k}}\n\
                plugins: [{id: dev.mcpg.cluster.redis, source: {path: redis.so}}]\n";
    let config = config(
        text,
        &[
            ("MCPG_GATEWAY__SERVER__MAX_SESSIONS", "7"),
            ("MCPG_GOVERNANCE__ACCESS__ALLOW_ANONYMOUS", "true"),
            ("MCPG_GATEWAY__SERVER__BIND_ADDRESS", "[::1]:0"),
            ("MCPG_MCP__FEDERATIONS__0__NAME", "b"),
            ("MCPG_MCP__FEDERATIONS__0__UPSTREAM__HEADERS__X-KEY", "other"),
            ("MCPG_CLUSTER__KIND", "redis"),
            ("MCPG_CLUSTER__URL", "redis://host"),
            ("MCPG_CONFIG", "elsewhere.yaml"),
            ("MCPG_REGENERATE", "0"),
            ("OTHER__VARIABLE", "x"),
        ],
    );
    assert_eq!(config.gateway.server.max_sessions, 7);
    assert!(config.governance.access.allow_anonymous);
    assert_eq!(config.gateway.server.bind_address.port, 0);
    assert_eq!(config.mcp.federations[0].name, "b");
    assert_eq!(http(&config.mcp.federations[0]).headers["x-key"], "other");
    assert_eq!(config.cluster.kind, "redis");
    assert_eq!(config.cluster.settings["url"], "redis://host");
}

#[test]
fn a_variable_may_stand_for_a_number_or_a_boolean() {
    let text = "gateway: {server: {max_sessions: '${env.MAX}', mcp_path: '${env.PATH_OF_MCP:-/x}'}}\n\
                governance: {access: {allow_anonymous: '${env.ANYONE:-true}'}}";
    let config = config(text, &[("MAX", "9")]);
    assert_eq!(config.gateway.server.max_sessions, 9);
    assert_eq!(config.gateway.server.mcp_path, "/x");
    assert!(config.governance.access.allow_anonymous);
}

#[test]
fn expressions_of_requests_reach_the_backend_unchanged() {
    let config = config(
        "mcp: {capabilities: {tools: [{name: a, backend: {kind: mock, content: '${arguments.x} ${env.Y}'}}]}}",
        &[("Y", "y")],
    );
    let Backend::Mock(mock) = &config.mcp.capabilities.tools[0].backend else {
        panic!("not a mock");
    };
    assert_eq!(mock.content, MockContent::Text("${arguments.x} y".to_owned()));
}

#[test]
fn single_node_ignores_every_other_field_and_other_kinds_keep_them() {
    let settings = "url: ${env.NOT_SET}\n  nested: {a: [1, null]}";
    let ignored = config(&format!("cluster:\n  kind: single_node\n  {settings}"), &[]);
    assert!(ignored.cluster.settings.is_empty());
    let plugin = "plugins: [{id: dev.mcpg.cluster.own, source: {path: own.so}}]";
    let kept = config(
        &format!("cluster:\n  kind: ${{env.KIND}}\n  {settings}\n  empty:\n{plugin}"),
        &[("KIND", "own"), ("NOT_SET", "u")],
    );
    assert_eq!(kept.cluster.kind, "own");
    let expected = serde_json::json!({ "url": "u", "nested": { "a": [1, null] } });
    assert_eq!(serde_json::Value::Object(kept.cluster.settings), expected);
}

#[test]
fn relative_paths_are_relative_to_the_file_they_stand_in() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("base.yaml");
    std::fs::write(
        &base,
        "mcp: {federations: [{name: a, upstream: {url: 'https://h/', tls: {ca_cert: ca.pem, client_cert: /abs/c.pem, client_key: ../k.pem}}}]}",
    )
    .unwrap();
    let config = load(&[Source::File(base)], &Environment::empty()).unwrap().config;
    let tls = http(&config.mcp.federations[0]).tls.clone().unwrap();
    let identity = tls.client_identity.unwrap();
    assert_eq!(tls.ca_cert, Some(folder.path().join("ca.pem")));
    assert_eq!(identity.cert, Path::new("/abs/c.pem"));
    assert_eq!(identity.key, folder.path().join("../k.pem"));
}

#[test]
fn a_federation_has_its_defaults() {
    let config = config(
        "mcp: {federations: [{name: a, upstream: {url: 'http://127.0.0.1:3001/mcp'}}]}",
        &[],
    );
    let federation = &config.mcp.federations[0];
    assert_eq!(federation.upstream.protocol_version, UpstreamProtocol::Auto);
    assert_eq!(http(federation).connect_timeout, Duration::from_secs(5));
    assert!(http(federation).headers.is_empty() && http(federation).tls.is_none());
    assert!(federation.import.tools && federation.import.resource_templates);
    assert_eq!(federation.naming.tool_prefix, "");
    assert!(federation.filter.allows("anything"));
    assert_eq!(federation.session_mode, SessionMode::Auto);
    assert_eq!(
        (federation.retry.initial, federation.retry.max),
        (Duration::from_millis(250), Duration::from_secs(5))
    );
}

#[test]
fn a_filter_includes_first_and_then_excludes() {
    let text = "mcp: {federations: [{name: a, upstream: {url: 'http://h/'}, filter: {include: ['get_*', exact], exclude: ['*_secret']}}]}";
    let config = config(text, &[]);
    let filter = &config.mcp.federations[0].filter;
    let taken: Vec<&str> = ["get_a", "get_secret", "exact", "exactly", "set_a"]
        .into_iter()
        .filter(|name| filter.allows(name))
        .collect();
    assert_eq!(taken, ["get_a", "exact"]);
}

#[test]
fn an_access_log_that_the_level_hides_gets_a_warning() {
    let text = "gateway: {server: {access_log: true}}\nobservability: {logs: {level: warn}}";
    let loaded = loaded(&[layer("a.yaml", text)], &[]);
    assert_eq!(loaded.warnings.len(), 1);
    assert_eq!(loaded.warnings[0].path, "gateway.server.access_log");
    assert_eq!(
        loaded.warnings[0].message,
        "no request is written: its line has the level info, and the log begins at warn"
    );
}

#[test]
fn a_public_address_is_fine_when_anonymous_use_is_allowed_and_the_host_names_get_a_warning() {
    let text =
        "gateway: {server: {bind_address: '0.0.0.0:80'}}\ngovernance: {access: {allow_anonymous: true}}";
    let loaded = loaded(&[layer("a.yaml", text)], &[]);
    assert_eq!(loaded.warnings.len(), 1);
    assert_eq!(loaded.warnings[0].path, "gateway.server.bind_address");
}

#[test]
fn a_public_address_is_fine_when_clients_have_keys() {
    let digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    let text = format!(
        "gateway: {{server: {{bind_address: '0.0.0.0:80', allowed_hosts: [x]}}}}\n\
         governance: {{access: {{api_keys: [{{name: ci, sha256: '{digest}'}}]}}}}"
    );
    let loaded = loaded(&[layer("a.yaml", &text)], &[]);
    assert!(loaded.warnings.is_empty());
    let access = &loaded.config.governance.access;
    assert_eq!(access.api_keys[0].name, "ci");
    assert_eq!(access.api_keys[0].sha256[..3], [0x2b, 0xb8, 0x0d]);
    assert!(access.requires_identity());
}

#[test]
fn of_two_equal_resource_uris_the_first_wins_with_a_warning() {
    let text = "mcp: {capabilities: {resources: [\n  {uri: 'a://b', backend: {kind: mock, content: first}},\n  {uri: 'a://b', backend: {kind: mock}}]}}";
    let loaded = loaded(&[layer("a.yaml", text)], &[]);
    assert_eq!(loaded.config.mcp.capabilities.resources.len(), 1);
    assert_eq!(
        (loaded.warnings[0].line, loaded.warnings[0].path.as_str()),
        (Some(3), "mcp.capabilities.resources[1].uri")
    );
}

#[test]
fn a_file_that_cannot_be_read_is_told_apart_and_hides_no_other_mistake() {
    let missing = Source::File(PathBuf::from("/nonexistent/a.yaml"));
    let broken = layer("b.yaml", "a: [");
    let report = load(&[missing, broken], &Environment::empty()).unwrap_err();
    assert!(report.is_unreadable());
    let codes: Vec<DiagnosticCode> = report.mistakes.iter().map(|mistake| mistake.code).collect();
    assert_eq!(codes, [DiagnosticCode::Unreadable, DiagnosticCode::Syntax]);
    assert!(
        report
            .to_string()
            .starts_with("✗ /nonexistent/a.yaml + b.yaml: invalid\n")
    );
}

#[test]
fn a_report_for_programs_has_the_same_places() {
    let report = load(
        &[layer("a.yaml", "gateway:\n  servr: 1\n")],
        &Environment::empty(),
    )
    .unwrap_err();
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["label"], "a.yaml");
    let expected = serde_json::json!({
        "code": "unknown_key", "source": "a.yaml", "line": 2, "column": 3, "path": "gateway.servr",
        "message": "unknown key", "found": "`servr`", "allowed": "`server`, `admin`, `readiness`, `require_durable`", "hint": "did you mean `server`?",
    });
    assert_eq!(json["mistakes"], serde_json::json!([expected]));
}

#[test]
fn a_command_is_found_beside_its_file_or_in_the_path() {
    let text = "mcp: {federations: [{name: a, upstream: {command: bin/server, args: [--x, y], env: {K: v}, cwd: work}},\n\
                {name: b, upstream: {command: npx}, session: {idle_timeout_ms: 2000}},\n\
                {name: c, upstream: {command: /abs/server}}]}";
    let config = config(text, &[]);
    let [a, b, c] = &*config.mcp.federations else {
        panic!("{config:?}")
    };
    assert_eq!(command(a).program, Path::new("conf/bin/server"));
    assert_eq!(command(a).args, ["--x", "y"]);
    assert_eq!(command(a).env["K"], "v");
    assert_eq!(command(a).cwd.as_deref(), Some(Path::new("conf/work")));
    assert_eq!(a.session_idle_timeout, Duration::from_mins(10));
    assert_eq!(command(b).program, Path::new("npx"));
    assert_eq!(command(b).cwd, None);
    assert_eq!(b.session_idle_timeout, Duration::from_secs(2));
    assert_eq!(command(c).program, Path::new("/abs/server"));
}

#[test]
fn neither_debug_form_shows_a_credential() {
    let text = "cluster: {kind: own, password: s3cret}\nplugins: [{id: dev.mcpg.cluster.own, source: {path: own.so}, config: {password: s3cret}}]\nmcp: {federations: [{name: a, upstream: {url: 'http://h/', headers: {authorization: s3cret}}}, {name: b, upstream: {command: b, env: {B_TOKEN: s3cret}}}]}";
    let shown = format!("{:?}", config(text, &[("X", "s3cret")]));
    assert!(
        shown.contains("authorization") && shown.contains("B_TOKEN") && !shown.contains("s3cret"),
        "{shown}"
    );
    let environment = Environment::from_iter([("X", "s3cret")]);
    assert_eq!(format!("{environment:?}"), "{\"X\"}");
}

#[test]
fn plugins_lie_relative_to_their_file_and_unused_ones_are_warned_about() {
    let digits = "AB".repeat(32);
    let base = layer(
        "base.yaml",
        &format!(
            "cluster: {{kind: own}}\nplugins:\n- {{id: dev.mcpg.cluster.own, source: {{path: lib/own.so, sha256: {digits}}}, config: {{a: 1}}}}\n\
             - {{id: dev.mcpg.cluster.other, source: {{path: /other.so}}}}\n- {{id: com.example.silent, source: {{path: s.so}}, disabled: true}}\n"
        ),
    );
    let loaded = loaded(&[base], &[]);
    let entries = &loaded.config.plugins;
    assert_eq!(entries[0].path, Path::new("conf/lib/own.so"));
    assert_eq!(entries[0].sha256.as_deref(), Some(&*"ab".repeat(32)));
    assert_eq!(entries[1].path, Path::new("/other.so"));
    assert!(entries[2].disabled);
    let warned: Vec<&str> = loaded
        .warnings
        .iter()
        .map(|warning| warning.path.as_str())
        .collect();
    assert_eq!(warned, ["plugins[0].config", "plugins[1].id"]);
}

#[test]
fn the_listener_for_operators_is_absent_unless_it_is_asked_for() {
    let default = config("", &[]).gateway;
    assert!(default.admin.bind_address.is_none() && !default.require_durable);
    assert_eq!(default.server.session_cache, Duration::from_secs(2));
    let set = config(
        "gateway: {require_durable: true, admin: {bind_address: '127.0.0.1:0'}, server: {session_cache_ms: 200}}",
        &[],
    );
    assert_eq!(set.gateway.admin.bind_address.unwrap().to_string(), "127.0.0.1:0");
    assert!(set.gateway.require_durable);
    assert_eq!(set.gateway.server.session_cache, Duration::from_millis(200));
}
