#![allow(clippy::unwrap_used)]
use super::*;
use serde_json::{Value, json};

fn raw(value: &Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).unwrap()
}

fn tool() -> HeaderParams {
    let schema = json!({
        "type": "object",
        "properties": {
            "region": { "type": "string", "x-mcp-header": "Region" },
            "count": { "type": "integer", "x-mcp-header": "Count" },
            "dry": { "type": ["boolean", "null"], "x-mcp-header": "Dry-Run" },
            "deep": { "type": "object", "properties": { "er": { "type": "string", "x-mcp-header": "Deep" } } },
            "query": { "type": "string", "default": { "x-mcp-header": "" } },
        },
    });
    HeaderParams::from_input_schema(&raw(&schema)).unwrap()
}

fn check(headers: &[(&str, &str)], arguments: &str) -> Result<(), i64> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(
            name.parse::<HeaderName>().unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    let arguments = RawValue::from_string(arguments.to_owned()).unwrap();
    tool()
        .validate(&map, Some(&arguments))
        .map_err(|error| error.code)
}

#[test]
fn annotations_are_found_with_their_paths() {
    let tool = tool();
    let names: Vec<&str> = tool.header_names().map(HeaderName::as_str).collect();
    assert_eq!(
        names,
        [
            "mcp-param-region",
            "mcp-param-count",
            "mcp-param-dry-run",
            "mcp-param-deep"
        ]
    );
    let plain = HeaderParams::from_input_schema(&raw(&json!({ "type": "object" }))).unwrap();
    assert!(plain.is_empty());
    assert_eq!(plain.validate(&HeaderMap::new(), None), Ok(()));
}

#[test]
fn a_property_may_be_called_like_the_annotation() {
    let schema = json!({ "properties": { "x-mcp-header": { "type": "string" } }, "examples": [{ "x-mcp-header": 1 }] });
    assert!(HeaderParams::from_input_schema(&raw(&schema)).unwrap().is_empty());
}

#[test]
fn annotations_that_break_a_rule_are_refused() {
    let at = |property: Value| json!({ "properties": { "a": property } });
    let good = json!({ "type": "string", "x-mcp-header": "A" });
    let mut cases = vec![
        good.clone(),
        at(json!({ "type": "number", "x-mcp-header": "A" })),
        at(json!({ "type": "object", "x-mcp-header": "A" })),
        at(json!({ "type": ["string", "array"], "x-mcp-header": "A" })),
        at(json!({ "type": "null", "x-mcp-header": "A" })),
        at(json!({ "type": ["null"], "x-mcp-header": "A" })),
        at(json!({ "x-mcp-header": "A" })),
        at(json!({ "type": "array", "items": good })),
        json!({ "$ref": "#/$defs/a", "$defs": { "a": good } }),
        json!({ "patternProperties": { "a": good } }),
        json!({ "if": { "properties": { "a": good } } }),
        json!({ "properties": { "a": good, "b": { "type": "string", "x-mcp-header": "a" } } }),
        json!({ "prefixItems": [good] }),
        json!({ "items": [good] }),
    ];
    for keyword in ["oneOf", "anyOf", "allOf"] {
        cases.push(json!({ keyword: [{ "properties": { "a": good } }] }));
    }
    for name in [
        json!(""),
        json!("a b"),
        json!("a:b"),
        json!("a\r\nb"),
        json!("é"),
        json!(1),
        json!(null),
    ] {
        cases.push(at(json!({ "type": "string", "x-mcp-header": name })));
    }
    for schema in cases {
        assert!(
            HeaderParams::from_input_schema(&raw(&schema)).is_err(),
            "{schema}"
        );
    }
    let hidden = r#"{"properties":{"a":{"type":"number","x-mcp-heade\u0072":"A"}}}"#;
    assert!(HeaderParams::from_input_schema(&RawValue::from_string(hidden.to_owned()).unwrap()).is_err());
}

#[test]
fn matching_headers_pass() {
    let all = [
        ("MCP-Param-Region", " us "),
        ("mcp-param-count", "42.0"),
        ("mcp-param-dry-run", "true"),
        ("mcp-param-deep", "=?base64?SGVsbG8sIOS4lueVjA==?="),
        ("mcp-param-unknown", "=?base64?!?="),
    ];
    assert_eq!(
        check(
            &all,
            r#"{"region":"us","count":42,"dry":true,"deep":{"er":"Hello, 世界"}}"#
        ),
        Ok(())
    );
    assert_eq!(check(&[], r#"{"region":null,"deep":{},"query":"x"}"#), Ok(()));
    assert_eq!(check(&[], "{}"), Ok(()));
    assert_eq!(
        check(
            &[("mcp-param-region", "=?base64?SGVsbG8=")],
            r#"{"region":"=?base64?SGVsbG8="}"#
        ),
        Ok(())
    );
    assert_eq!(check(&[("mcp-param-count", "4.2e1")], r#"{"count":42}"#), Ok(()));
    assert_eq!(check(&[("mcp-param-region", "")], r#"{"region":""}"#), Ok(()));
}

#[test]
fn everything_else_is_a_mismatch() {
    let mismatch = Err(-32020);
    let region = r#"{"region":"Hello"}"#;
    assert_eq!(check(&[], region), mismatch);
    for value in [
        "hello",
        "=?base64?SGVsbG8?=",
        "=?base64?SGVs!!!bG8=?=",
        "=?base64?SGVsbG8=",
    ] {
        assert_eq!(check(&[("mcp-param-region", value)], region), mismatch, "{value}");
    }
    assert_eq!(
        check(
            &[("mcp-param-region", "Hello"), ("mcp-param-region", "Hello")],
            region
        ),
        mismatch
    );
    assert_eq!(check(&[("mcp-param-region", "x")], "{}"), mismatch);
    assert_eq!(
        check(&[("mcp-param-region", "null")], r#"{"region":null}"#),
        mismatch
    );
    assert_eq!(
        check(&[("mcp-param-dry-run", "True")], r#"{"dry":true}"#),
        mismatch
    );
    assert_eq!(check(&[("mcp-param-deep", "x")], r#"{"deep":"x"}"#), mismatch);
    for value in ["43", "nan", "inf", "0x2a", "042", "42 ", "+42", ""] {
        let expected = if value == "42 " { Ok(()) } else { mismatch };
        assert_eq!(
            check(&[("mcp-param-count", value)], r#"{"count":42}"#),
            expected,
            "{value}"
        );
    }
    assert_eq!(
        check(
            &[("mcp-param-count", "9007199254740993")],
            r#"{"count":9007199254740992}"#
        ),
        mismatch
    );
    assert_eq!(
        check(&[("mcp-param-count", "1e999")], r#"{"count":2e999}"#),
        mismatch
    );
    assert_eq!(check(&[("mcp-param-region", "{}")], r#"{"region":{}}"#), mismatch);
    assert_eq!(
        check(&[("mcp-param-region", "b")], r#"{"region":"a","region":"b"}"#),
        mismatch
    );
}

#[test]
fn what_is_sent_passes_the_check() {
    let arguments = [
        json!({ "region": " é\n", "count": -7, "dry": false, "deep": { "er": "=?base64?x?=" } }),
        json!({ "region": "", "count": 9_007_199_254_740_991_u64 }),
        json!({ "region": null, "count": 42.0 }),
        json!({}),
    ];
    let tool = tool();
    for arguments in arguments {
        let arguments = raw(&arguments);
        let headers: HeaderMap = tool.to_headers(Some(&arguments)).into_iter().collect();
        assert_eq!(tool.validate(&headers, Some(&arguments)), Ok(()), "{arguments}");
    }
    let sent = tool.to_headers(Some(&raw(&json!({ "count": 42.0, "dry": false, "region": {} }))));
    let sent: Vec<_> = sent
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    assert_eq!(sent, [("mcp-param-count", "42"), ("mcp-param-dry-run", "false")]);
    assert!(tool.to_headers(None).is_empty());
}
