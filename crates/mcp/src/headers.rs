//! The standard headers: their names, what a modern request must repeat in them, and the check that it did.

use crate::error::ErrorObject;
use crate::header_value::{decode, encode, single};
use crate::params::Params;
use crate::version::ProtocolVersion;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// `MCP-Protocol-Version`
pub const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// `Mcp-Session-Id`
pub const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// `Mcp-Method`
pub const METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// `Mcp-Name`
pub const NAME: HeaderName = HeaderName::from_static("mcp-name");
/// `Last-Event-ID`
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// `X-Accel-Buffering`
pub const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// What the names of all mirrored tool parameters start with, in lower case.
pub const PARAM_PREFIX: &str = "mcp-param-";

/// Reads a header that may occur once, without the white space around it.
///
/// # Errors
/// A header mismatch (-32020) if it occurs more than once or holds invalid characters.
pub fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, ErrorObject> {
    single(headers, name).map_err(|problem| malformed(name, problem))
}

/// The member of `params` that `Mcp-Name` repeats for a method; `None` for methods without one.
#[must_use]
pub fn name_source<'a>(method: &str, params: &Params<'a>) -> Option<Option<&'a RawValue>> {
    match method {
        "tools/call" | "prompts/get" => Some(params.name),
        "resources/read" => Some(params.uri),
        "tasks/get" | "tasks/update" | "tasks/cancel" => Some(params.task_id),
        _ => None,
    }
}

/// Checks `Mcp-Method` and `Mcp-Name` of a modern request against its body. `MCP-Protocol-Version` is checked where
/// the era is decided.
///
/// # Errors
/// A header mismatch (-32020); the HTTP status is 400.
pub fn validate(headers: &HeaderMap, method: &str, params: &Params<'_>) -> Result<(), ErrorObject> {
    let header = text(headers, &METHOD)?.ok_or_else(|| missing(&METHOD))?;
    if header != method {
        return Err(differs(&METHOD, header, method));
    }
    let Some(source) = name_source(method, params) else {
        return Ok(());
    };
    let expected = source.and_then(crate::raw::string);
    let header =
        text(headers, &NAME)?.map(|value| decode(value).map_err(|problem| malformed(&NAME, problem)));
    match (header.transpose()?, expected) {
        (Some(header), Some(expected)) if header == expected => Ok(()),
        (Some(header), Some(expected)) => Err(differs(&NAME, &header, &expected)),
        (None, Some(_)) => Err(missing(&NAME)),
        (Some(_), None) => Err(ErrorObject::header_mismatch(format_args!(
            "{} has no counterpart in the body",
            spelled(&NAME)
        ))),
        // Without a name on either side the method itself complains about its missing parameter.
        (None, None) => Ok(()),
    }
}

/// The standard headers for a modern request to an upstream. Parameter headers are the business of
/// [`crate::param_headers::HeaderParams`].
#[must_use]
pub fn to_send(
    version: ProtocolVersion,
    method: &str,
    params: &Params<'_>,
) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = vec![
        (PROTOCOL_VERSION, HeaderValue::from_static(version.as_str())),
        (METHOD, encode(method)),
    ];
    if let Some(name) = name_source(method, params).flatten().and_then(crate::raw::string) {
        headers.push((NAME, encode(&name)));
    }
    headers
}

/// Decodes the value of `Mcp-Name` or of a parameter header, which may be in the Base64 form.
///
/// # Errors
/// A header mismatch (-32020) if the Base64 is broken or not UTF-8.
pub fn decode_value<'v>(name: &HeaderName, value: &'v str) -> Result<Cow<'v, str>, ErrorObject> {
    decode(value).map_err(|problem| malformed(name, problem))
}

/// Makes a header value of any text, in the Base64 form where plain text is not safe.
#[must_use]
pub fn encode_value(text: &str) -> HeaderValue {
    encode(text)
}

/// True for text that may be a session id: visible ASCII, not empty.
#[must_use]
pub fn is_session_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

pub(crate) fn missing(name: &HeaderName) -> ErrorObject {
    ErrorObject::header_mismatch(format_args!("{} is missing", spelled(name)))
}

pub(crate) fn malformed(name: &HeaderName, problem: &str) -> ErrorObject {
    ErrorObject::header_mismatch(format_args!("{} {problem}", spelled(name)))
}

pub(crate) fn differs(name: &HeaderName, header: &str, body: &str) -> ErrorObject {
    ErrorObject::header_mismatch(format_args!(
        "{} header value {header:?} does not match body value {body:?}",
        spelled(name)
    ))
}

/// Header names are stored in lower case; people know them as the specification spells them.
fn spelled(name: &HeaderName) -> &str {
    match name.as_str() {
        "mcp-protocol-version" => "MCP-Protocol-Version",
        "mcp-method" => "Mcp-Method",
        "mcp-name" => "Mcp-Name",
        "mcp-session-id" => "Mcp-Session-Id",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(headers: &[(&str, &str)], method: &str, params: &str) -> Result<(), i64> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let raw = RawValue::from_string(params.to_owned()).unwrap();
        let params = Params::parse(Some(&raw)).unwrap();
        validate(&map, method, &params).map_err(|error| error.code)
    }

    #[test]
    fn matching_headers_pass() {
        let call = r#"{"name":"a\u0062"}"#;
        assert_eq!(check(&[("MCP-METHOD", "tools/list")], "tools/list", "{}"), Ok(()));
        assert_eq!(
            check(
                &[("mcp-method", "tools/call"), ("Mcp-Name", "  ab ")],
                "tools/call",
                call
            ),
            Ok(())
        );
        assert_eq!(
            check(
                &[("mcp-method", "tools/call"), ("mcp-name", "=?base64?YWI=?=")],
                "tools/call",
                call
            ),
            Ok(())
        );
        assert_eq!(
            check(
                &[("mcp-method", "resources/read"), ("mcp-name", "f:x")],
                "resources/read",
                r#"{"uri":"f:x"}"#
            ),
            Ok(())
        );
        assert_eq!(
            check(
                &[("mcp-method", "tasks/get"), ("mcp-name", "t1")],
                "tasks/get",
                r#"{"taskId":"t1"}"#
            ),
            Ok(())
        );
        assert_eq!(check(&[("mcp-method", "tools/call")], "tools/call", "{}"), Ok(()));
        assert_eq!(
            check(&[("mcp-method", "x"), ("mcp-name", "ignored")], "x", "{}"),
            Ok(())
        );
    }

    #[test]
    fn missing_different_and_malformed_headers_are_refused() {
        let mismatch = Err(-32020);
        let call = r#"{"name":"ab"}"#;
        assert_eq!(check(&[], "tools/list", "{}"), mismatch);
        assert_eq!(
            check(&[("mcp-method", "TOOLS/LIST")], "tools/list", "{}"),
            mismatch
        );
        assert_eq!(
            check(&[("mcp-method", "x"), ("mcp-method", "x")], "x", "{}"),
            mismatch
        );
        assert_eq!(check(&[("mcp-method", "é")], "é", "{}"), mismatch);
        assert_eq!(check(&[("mcp-method", "=?base64?eA==?=")], "x", "{}"), mismatch);
        for name in ["other", "AB", "=?base64?YWI?=", "=?base64?/w==?=", "ab,ab", ""] {
            assert_eq!(
                check(
                    &[("mcp-method", "tools/call"), ("mcp-name", name)],
                    "tools/call",
                    call
                ),
                mismatch
            );
        }
        assert_eq!(
            check(&[("mcp-method", "tools/call")], "tools/call", call),
            mismatch
        );
        assert_eq!(
            check(
                &[("mcp-method", "tools/call"), ("mcp-name", "ab")],
                "tools/call",
                "{}"
            ),
            mismatch
        );
    }

    #[test]
    fn what_is_sent_passes_the_check() {
        for name in ["plain", " padded", "日本", "=?base64?x?=", "a\nb"] {
            let value = serde_json::json!({ "name": name }).to_string();
            let raw = RawValue::from_string(value).unwrap();
            let params = Params::parse(Some(&raw)).unwrap();
            let headers: HeaderMap = to_send(ProtocolVersion::V2026_07_28, "tools/call", &params)
                .into_iter()
                .collect();
            assert_eq!(headers[PROTOCOL_VERSION], "2026-07-28");
            assert_eq!(validate(&headers, "tools/call", &params), Ok(()), "{name:?}");
        }
    }

    #[test]
    fn session_ids_are_visible_ascii() {
        assert!(is_session_id("a-Z_0.~!"));
        for text in ["", " ", "a b", "é", "a\u{7f}"] {
            assert!(!is_session_id(text), "{text:?}");
        }
    }
}
