#![allow(clippy::unwrap_used)]
use super::*;

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn outcome(meta: &str) -> Result<RequestMetaFacts, i64> {
    let params = raw(&format!("{{\"_meta\":{meta}}}"));
    let params = Params::parse(Some(&params)).unwrap();
    let meta = RequestMeta::parse(&params).map_err(|error| error.code)?;
    Ok((
        meta.version,
        meta.client_capabilities.get().to_owned(),
        meta.client_info.map(|raw| raw.get().to_owned()),
        meta.log_level,
        meta.progress_token.map(|raw| raw.get().to_owned()),
    ))
}

type RequestMetaFacts = (
    ProtocolVersion,
    String,
    Option<String>,
    Option<LogLevel>,
    Option<String>,
);

const VERSION: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#;
const CAPABILITIES: &str = r#""io.modelcontextprotocol\/clientCapabilities":{"sampling":{}}"#;

#[test]
fn complete_metadata_is_read() {
    let meta = format!(
        r#"{{{VERSION},{CAPABILITIES},"io.modelcontextprotocol/clientInfo":{{"name":"c"}},"progressToken":7,"io.modelcontextprotocol/logLevel":"error","x":1}}"#
    );
    let facts = outcome(&meta).unwrap();
    assert_eq!(facts.0, ProtocolVersion::V2026_07_28);
    assert_eq!(
        (facts.1.as_str(), facts.2.as_deref()),
        (r#"{"sampling":{}}"#, Some(r#"{"name":"c"}"#))
    );
    assert_eq!((facts.3, facts.4.as_deref()), (Some(LogLevel::Error), Some("7")));
}

#[test]
fn client_info_is_optional() {
    let facts = outcome(&format!("{{{VERSION},{CAPABILITIES}}}")).unwrap();
    assert_eq!((facts.2, facts.3, facts.4), (None, None, None));
}

#[test]
fn missing_and_wrong_members_are_invalid_params() {
    let with = |extra: &str| format!("{{{VERSION},{CAPABILITIES},{extra}}}");
    let cases = [
        "null".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        format!("{{{VERSION}}}"),
        format!("{{{CAPABILITIES}}}"),
        format!(r#"{{{CAPABILITIES},"io.modelcontextprotocol/protocolVersion":20260728}}"#),
        format!(r#"{{{VERSION},"io.modelcontextprotocol/clientCapabilities":[]}}"#),
        with(r#""io.modelcontextprotocol/clientInfo":"c""#),
        with(r#""io.modelcontextprotocol/logLevel":"loud""#),
        with(r#""io.modelcontextprotocol/logLevel":3"#),
        with(r#""progressToken":{}"#),
        with(r#""progressToken":null"#),
    ];
    for meta in cases {
        assert_eq!(outcome(&meta), Err(-32602), "{meta}");
    }
    assert_eq!(RequestMeta::parse(&Params::default()).unwrap_err().code, -32602);
}

#[test]
fn other_versions_are_unsupported() {
    for version in ["2025-11-25", "2027-01-01", ""] {
        let meta = format!(r#"{{"io.modelcontextprotocol/protocolVersion":"{version}",{CAPABILITIES}}}"#);
        assert_eq!(outcome(&meta), Err(-32022), "{version}");
    }
}

#[test]
fn what_is_added_can_be_read_and_stripped_again() {
    let capabilities = raw(r#"{"roots": {}}"#);
    let info = raw(r#"{"name":"gateway"}"#);
    let outgoing = OutgoingMeta {
        version: ProtocolVersion::V2026_07_28,
        client_capabilities: &capabilities,
        client_info: Some(&info),
        log_level: Some(LogLevel::Debug),
    };
    let original = raw("{\"name\":\"t\",\"_meta\":{\"progressToken\":\"p\",\"x\":[ ]}}");
    let mut object = Object::parse(&original).unwrap();
    add(&mut object, &outgoing);
    let sent = object.to_raw();
    let params = Params::parse(Some(&sent)).unwrap();
    let meta = RequestMeta::parse(&params).unwrap();
    assert_eq!(
        (meta.client_capabilities.get(), meta.log_level),
        (capabilities.get(), Some(LogLevel::Debug))
    );
    assert_eq!(meta.progress_token.unwrap().get(), "\"p\"");
    assert!(meta.has_capability("roots") && !meta.has_capability("sampling"));
    let mut received = Object::parse(&sent).unwrap();
    strip(&mut received);
    assert_eq!(received.to_raw().get(), original.get());
}

#[test]
fn the_metadata_of_another_sender_is_replaced() {
    let capabilities = raw("{}");
    let outgoing = OutgoingMeta {
        version: ProtocolVersion::V2026_07_28,
        client_capabilities: &capabilities,
        client_info: None,
        log_level: None,
    };
    let text = format!(
        r#"{{"_meta":{{{VERSION},{CAPABILITIES},"io.modelcontextprotocol/clientInfo":{{}},"io.modelcontextprotocol/logLevel":"info"}}}}"#
    );
    let received = raw(&text);
    let mut object = Object::parse(&received).unwrap();
    add(&mut object, &outgoing);
    assert_eq!(object.get_meta(CLIENT_CAPABILITIES).unwrap().get(), "{}");
    assert!(object.get_meta(CLIENT_INFO).is_none() && object.get_meta(LOG_LEVEL).is_none());
    strip(&mut object);
    assert!(object.is_empty());
}

#[test]
fn log_levels_are_ordered_and_survive_the_round_trip() {
    assert!(LogLevel::ALL.is_sorted());
    for level in LogLevel::ALL {
        assert_eq!(level.to_string().parse(), Ok(level));
    }
    assert_eq!("Info".parse::<LogLevel>(), Err(UnknownLogLevel));
}
