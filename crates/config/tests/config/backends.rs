//! Backends as the code reads them, and what is worth a warning.

use mcpg_config::app::{AppConfig, Backend, BodyEscape, Command, Http, HttpBody};
use mcpg_config::{Environment, Loaded, Source, load};
use std::path::PathBuf;

fn loaded(text: &str) -> Loaded {
    let source = Source::Text {
        label: "test.yaml".to_owned(),
        text: text.to_owned(),
        folder: PathBuf::from("/conf"),
    };
    load(&[source], &Environment::empty()).unwrap_or_else(|report| panic!("{report}"))
}

fn with_backend(backend: &str) -> Loaded {
    loaded(&format!(
        "mcp: {{capabilities: {{tools: [{{name: a, backend: {backend}}}]}}}}"
    ))
}

fn http(config: &AppConfig) -> &Http {
    match &config.mcp.capabilities.tools[0].backend {
        Backend::Http(http) => http,
        other => panic!("{other:?}"),
    }
}

fn command(config: &AppConfig) -> &Command {
    match &config.mcp.capabilities.tools[0].backend {
        Backend::Command(command) => command,
        other => panic!("{other:?}"),
    }
}

fn warnings(loaded: &Loaded) -> Vec<String> {
    loaded
        .warnings
        .iter()
        .map(|warning| format!("{}: {}", warning.path, warning.message))
        .collect()
}

#[test]
fn a_short_http_backend_has_defaults() {
    let loaded = with_backend("{kind: http, url: 'https://example.com/a/${arguments.x}?q=1'}");
    assert_eq!(loaded.warnings, []);
    let http = http(&loaded.config);
    assert_eq!(http.method, "GET");
    assert_eq!(http.url.origin.as_str(), "https://example.com/");
    assert_eq!(http.url.segments.len(), 2);
    assert_eq!(http.timeout.as_millis(), 30_000);
    assert_eq!(http.max_response_bytes, 4 * 1024 * 1024);
    assert!(!http.allow_private);
    let expected = |code: u16| http.expected_status_codes.contains(code.try_into().unwrap());
    assert!(expected(200) && expected(299) && !expected(199) && !expected(300));
}

#[test]
fn the_type_of_a_body_decides_how_arguments_are_written() {
    let escape = |more: &str| {
        let loaded = with_backend(&format!("{{kind: http, url: 'https://example.com/', {more}}}"));
        let http = http(&loaded.config);
        let content_type = http.headers.iter().find(|(name, _)| name == "content-type");
        let content_type = content_type.and_then(|(_, value)| value.as_literal().map(str::to_owned));
        match &http.body {
            Some(HttpBody::Json(_)) => (None, content_type.unwrap()),
            Some(HttpBody::Text(_, escape)) => (Some(*escape), content_type.unwrap()),
            None => panic!("no body"),
        }
    };
    assert_eq!(escape("body: {a: 1}"), (None, "application/json".to_owned()));
    assert_eq!(
        escape("body: hi"),
        (Some(BodyEscape::None), "text/plain; charset=utf-8".to_owned())
    );
    for (content_type, expected) in [
        ("application/json", None),
        ("application/vnd.api+json; charset=utf-8", None),
        ("application/x-www-form-urlencoded", Some(BodyEscape::Form)),
        ("text/xml", Some(BodyEscape::Xml)),
        ("Application/SOAP+XML", Some(BodyEscape::Xml)),
        ("text/html", Some(BodyEscape::Xml)),
        ("text/csv", Some(BodyEscape::None)),
    ] {
        let more = format!("headers: {{Content-Type: '{content_type}'}}, body: '\"${{arguments.x}}\"'");
        assert_eq!(
            escape(&more),
            (expected, content_type.to_owned()),
            "{content_type}"
        );
    }
}

#[test]
fn programs_and_folders_are_found_from_the_file() {
    let loaded = with_backend("{kind: command, program: ./bin/run, cwd: data}");
    let found = command(&loaded.config);
    assert_eq!(found.program, PathBuf::from("/conf/./bin/run"));
    assert_eq!(found.cwd, Some(PathBuf::from("/conf/data")));
    let loaded = with_backend("{kind: command, program: ls}");
    let found = command(&loaded.config);
    assert_eq!(found.program, PathBuf::from("ls"));
    assert_eq!((found.cwd.as_ref(), found.stdin.as_ref()), (None, None));
}

#[test]
fn debug_shows_no_credentials() {
    let loaded = loaded(
        "mcp: {capabilities: {tools: [
           {name: a, backend: {kind: http, url: 'https://example.com/s3cret?k=s3cret', method: post,
             headers: {authorization: s3cret}, query: {key: s3cret}, body: {k: s3cret}, result: '\"s3cret\"'}},
           {name: b, backend: {kind: http, url: 'https://example.com/', body: s3cret}},
           {name: c, backend: {kind: command, program: ls, args: [s3cret], env: {KEY: s3cret}, stdin: s3cret}}]}}",
    );
    let shown = format!("{:#?}", loaded.config);
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(shown.contains("example.com") && shown.contains("KEY"), "{shown}");
}

#[test]
fn a_limit_beyond_the_patience_of_the_gateway_is_a_warning() {
    for backend in [
        "{kind: http, url: 'https://example.com/', timeout_ms: 60000}",
        "{kind: command, program: ls, timeout_ms: 60000}",
    ] {
        let loaded = with_backend(backend);
        assert_eq!(
            warnings(&loaded),
            ["mcp.capabilities.tools[0].backend.timeout_ms: \
              a call ends after 30000 ms of silence already (`gateway.server.request_timeout_ms`)"]
        );
    }
}

#[test]
fn an_argument_that_could_be_read_as_an_option_is_a_warning() {
    let warned = |args: &str| {
        let loaded = with_backend(&format!("{{kind: command, program: grep, args: {args}}}"));
        warnings(&loaded).len()
    };
    assert_eq!(warned("['${arguments.x}']"), 1);
    assert_eq!(warned("[a, '${arguments.x}', '${arguments.y}']"), 2);
    for safe in [
        "[--, '${arguments.x}', '${arguments.y}']",
        "['--name=${arguments.x}']",
        "[-e, '${arguments.x}']",
        "['./${arguments.x}']",
    ] {
        assert_eq!(warned(safe), 0, "{safe}");
    }
    let loaded =
        with_backend("{kind: command, program: sh, args: [-c, 'echo \"$1\"', sh, '${arguments.x}']}");
    assert_eq!(warnings(&loaded), Vec::<String>::new());
}

#[test]
fn a_name_that_the_input_schema_does_not_know_is_a_warning() {
    let loaded = loaded(
        "mcp: {capabilities: {tools: [{name: a, input_schema: {type: object, properties: {name: {type: string}}},
           backend: {kind: http, url: 'https://example.com/${arguments.nmae}?a=${arguments.name}'}}]}}",
    );
    assert_eq!(
        warnings(&loaded),
        ["mcp.capabilities.tools[0].backend.url: the `input_schema` of this tool has no property `nmae`"]
    );
    assert_eq!(loaded.warnings[0].hint.as_deref(), Some("did you mean `name`?"));
}
