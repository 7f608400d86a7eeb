#![allow(clippy::unwrap_used)]
use super::*;
use crate::results::CacheScope;

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

#[test]
fn initialize_params_survive_the_round_trip() {
    let text = r#"{"protocolVersion":"2024-11-05","capabilities":{"a": 1},"clientInfo":{"name":"c"}}"#;
    let params = InitializeParams::parse(Some(&raw(text))).unwrap();
    assert_eq!(params.protocol_version, "2024-11-05");
    assert_eq!(params.to_raw().get(), text);
    let bare = r#"{"protocolVersion":"x","capabilities":{}}"#;
    assert_eq!(
        InitializeParams::parse(Some(&raw(bare))).unwrap().to_raw().get(),
        bare
    );
}

#[test]
fn incomplete_initialize_params_are_refused() {
    for text in [
        "[]",
        "{}",
        r#"{"capabilities":{}}"#,
        r#"{"protocolVersion":1,"capabilities":{}}"#,
        r#"{"protocolVersion":"x"}"#,
        r#"{"protocolVersion":"x","capabilities":null}"#,
    ] {
        assert_eq!(
            InitializeParams::parse(Some(&raw(text))).unwrap_err().code,
            -32602,
            "{text}"
        );
    }
    assert_eq!(InitializeParams::parse(None).unwrap_err().code, -32602);
}

#[test]
fn initialize_results_survive_the_round_trip() {
    let text = r#"{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"s"},"instructions":"a\nb"}"#;
    let result = InitializeResult::parse(&raw(text)).unwrap();
    assert_eq!(
        (result.version(), result.instructions.as_deref()),
        (Some(ProtocolVersion::V2025_06_18), Some("a\nb"))
    );
    assert_eq!(result.to_raw().get(), text);
    let modern = raw(r#"{"protocolVersion":"2026-07-28","capabilities":{}}"#);
    assert_eq!(InitializeResult::parse(&modern).unwrap().version(), None);
    assert!(InitializeResult::parse(&raw(r#"{"capabilities":{}}"#)).is_err());
    assert!(InitializeResult::parse(&raw(r#"{"protocolVersion":"2025-06-18"}"#)).is_err());
}

#[test]
fn discover_results_survive_the_round_trip() {
    let text = concat!(
        r#"{"resultType":"complete","supportedVersions":["2026-07-28","2025-11-25"],"capabilities":{"tools":{}},"#,
        r#""instructions":"i","ttlMs":5,"cacheScope":"public","#,
        r#""_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"}}}"#
    );
    let result = DiscoverResult::parse(&raw(text)).unwrap();
    assert_eq!(
        result.cache,
        CacheHints {
            ttl_ms: 5,
            scope: CacheScope::Public
        }
    );
    assert_eq!(result.server_info.as_ref().unwrap().get(), r#"{"name":"s"}"#);
    assert_eq!(result.newest_common(), Some(ProtocolVersion::V2026_07_28));
    assert_eq!(result.to_raw().get(), text);
}

#[test]
fn a_poor_discover_result_is_read_and_a_broken_one_refused() {
    let result =
        DiscoverResult::parse(&raw(r#"{"supportedVersions":["2027-01-01"],"capabilities":{}}"#)).unwrap();
    assert_eq!((result.cache, result.newest_common()), (CacheHints::NONE, None));
    assert!(result.server_info.is_none());
    for text in [
        "{}",
        r#"{"supportedVersions":[1],"capabilities":{}}"#,
        r#"{"supportedVersions":[]}"#,
        "[]",
    ] {
        assert!(DiscoverResult::parse(&raw(text)).is_err(), "{text}");
    }
}

#[test]
fn server_capabilities_answer_questions() {
    let text = raw(
        r#"{"tools":{"listChanged":true},"prompts":{"listChanged":false},"resources":{"subscribe":true},"logging":null,"extensions":{"io.modelcontextprotocol/tasks":{}}}"#,
    );
    let capabilities = ServerCapabilities::new(&text);
    assert!(capabilities.tools() && capabilities.prompts() && capabilities.resources());
    assert!(!capabilities.logging() && !capabilities.completions());
    assert!(capabilities.list_changed("tools") && !capabilities.list_changed("prompts"));
    assert!(!capabilities.list_changed("resources") && capabilities.resource_subscriptions());
    assert!(capabilities.extension("io.modelcontextprotocol/tasks") && !capabilities.extension("io"));
}

#[test]
fn client_capabilities_answer_questions() {
    let has = |text: &str| {
        let text = raw(text);
        let capabilities = ClientCapabilities::new(&text);
        (
            capabilities.form_elicitation(),
            capabilities.url_elicitation(),
            capabilities.sampling(),
            capabilities.roots(),
        )
    };
    assert_eq!(has("{}"), (false, false, false, false));
    assert_eq!(
        has(r#"{"elicitation":{},"roots":{}}"#),
        (true, false, false, true)
    );
    assert_eq!(
        has(r#"{"elicitation":{"url":{}},"sampling":{}}"#),
        (false, true, true, false)
    );
    assert_eq!(
        has(r#"{"elicitation":{"url":{},"form":{}}}"#),
        (true, true, false, false)
    );
    assert_eq!(
        has(r#"{"elicitation":null,"sampling":false}"#),
        (false, false, false, false)
    );
}
