//! JSON-RPC error objects: codes, and one constructor per error the gateway itself produces.

use crate::raw;
use crate::version::{Era, ProtocolVersion};
use http::StatusCode;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::fmt;

/// The received text is not JSON.
pub const PARSE_ERROR: i64 = -32700;
/// The JSON is no valid JSON-RPC message.
pub const INVALID_REQUEST: i64 = -32600;
/// The method does not exist here.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// The parameters do not fit the method.
pub const INVALID_PARAMS: i64 = -32602;
/// The receiver failed for a reason of its own.
pub const INTERNAL_ERROR: i64 = -32603;
/// Legacy era only: the resource does not exist.
pub const RESOURCE_NOT_FOUND: i64 = -32002;
/// Modern era: headers and body disagree, or a required header is missing or malformed.
pub const HEADER_MISMATCH: i64 = -32020;
/// Modern era: the client did not declare a capability which the request needs.
pub const MISSING_REQUIRED_CLIENT_CAPABILITY: i64 = -32021;
/// Modern era: the server does not implement the requested protocol version.
pub const UNSUPPORTED_PROTOCOL_VERSION: i64 = -32022;
/// Revision 2025-11-25 only: the user must visit a URL first.
pub const URL_ELICITATION_REQUIRED: i64 = -32042;

/// The `error` member of a JSON-RPC response.
#[derive(Clone)]
pub struct ErrorObject {
    /// Tells programs what went wrong.
    pub code: i64,
    /// Tells people what went wrong.
    pub message: String,
    /// Further facts, passed on byte for byte.
    pub data: Option<Box<RawValue>>,
}

impl ErrorObject {
    /// Makes an error without data.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
        }
    }

    /// Adds data given as raw JSON.
    #[must_use]
    pub fn with_data(mut self, data: Box<RawValue>) -> Self {
        self.data = Some(data);
        self
    }

    /// Adds data given as a JSON value.
    #[must_use]
    pub fn with_value(self, data: &Value) -> Self {
        self.with_data(raw::from_written(data.to_string()))
    }

    /// Reads the raw `error` member of a received response; members it does not know are dropped.
    #[must_use]
    pub fn from_raw(error: &RawValue) -> Option<Self> {
        let object = crate::object::Object::parse(error).ok()?;
        let code = object.get("code")?.get().parse().ok()?;
        let message = object.get_str("message")?.into_owned();
        let data = object.get("data").map(ToOwned::to_owned);
        Some(Self { code, message, data })
    }

    /// The text is not JSON (-32700).
    pub fn parse_error(reason: impl fmt::Display) -> Self {
        Self::new(PARSE_ERROR, format!("parse error: {reason}"))
    }

    /// The JSON is no JSON-RPC message that is allowed here (-32600).
    pub fn invalid_request(reason: impl fmt::Display) -> Self {
        Self::new(INVALID_REQUEST, format!("invalid request: {reason}"))
    }

    /// No such method (-32601), with the method in `data.method`.
    #[must_use]
    pub fn method_not_found(method: &str) -> Self {
        Self::new(METHOD_NOT_FOUND, format!("method not found: {method}"))
            .with_value(&json!({ "method": method }))
    }

    /// The parameters are wrong (-32602).
    pub fn invalid_params(reason: impl fmt::Display) -> Self {
        Self::new(INVALID_PARAMS, format!("invalid params: {reason}"))
    }

    /// The gateway failed (-32603).
    pub fn internal(reason: impl fmt::Display) -> Self {
        Self::new(INTERNAL_ERROR, format!("internal error: {reason}"))
    }

    /// The gateway failed (-32603) for a cause programs can tell apart by `data.reason`.
    pub fn internal_with_reason(reason: &str, message: impl Into<String>) -> Self {
        Self::new(INTERNAL_ERROR, message).with_value(&json!({ "reason": reason }))
    }

    /// The call took longer than allowed (-32603, `data.reason` is `timeout`).
    pub fn timeout(message: impl Into<String>) -> Self {
        Self::internal_with_reason("timeout", message)
    }

    /// The upstream cannot be reached (-32603, `data.reason` is `upstream_unavailable`).
    #[must_use]
    pub fn upstream_unavailable(upstream: &str) -> Self {
        Self::new(INTERNAL_ERROR, format!("upstream {upstream} is unavailable"))
            .with_value(&json!({ "reason": "upstream_unavailable", "upstream": upstream }))
    }

    /// The upstream answered something that is no valid MCP (-32603, `data.reason` is `upstream_invalid_response`).
    pub fn upstream_invalid_response(upstream: &str, detail: impl fmt::Display) -> Self {
        Self::new(
            INTERNAL_ERROR,
            format!("upstream {upstream} sent an invalid response: {detail}"),
        )
        .with_value(&json!({ "reason": "upstream_invalid_response", "upstream": upstream }))
    }

    /// The call was cancelled while its caller still waits (-32603, `data.reason` is `cancelled`).
    #[must_use]
    pub fn cancelled() -> Self {
        Self::internal_with_reason("cancelled", "the request was cancelled")
    }

    /// The gateway is at one of its limits (-32603, `data.reason` is `overloaded`).
    pub fn overloaded(message: impl Into<String>) -> Self {
        Self::internal_with_reason("overloaded", message)
    }

    /// The node is going away and takes no new work (-32603, `data.reason` is `shutting_down`).
    #[must_use]
    pub fn shutting_down() -> Self {
        Self::internal_with_reason("shutting_down", "the gateway is shutting down")
    }

    /// No such tool (-32602).
    #[must_use]
    pub fn unknown_tool(name: &str) -> Self {
        Self::new(INVALID_PARAMS, format!("unknown tool: {name}"))
    }

    /// No such prompt (-32602).
    #[must_use]
    pub fn unknown_prompt(name: &str) -> Self {
        Self::new(INVALID_PARAMS, format!("unknown prompt: {name}"))
    }

    /// A list cursor which this server did not issue or no longer understands (-32602).
    #[must_use]
    pub fn invalid_cursor() -> Self {
        Self::new(INVALID_PARAMS, "invalid cursor")
    }

    /// No such resource, with the URI in `data.uri`: -32002 in the legacy era, -32602 in the modern era, which forbids
    /// the former code.
    #[must_use]
    pub fn resource_not_found(era: Era, uri: &str) -> Self {
        let code = match era {
            Era::Legacy => RESOURCE_NOT_FOUND,
            Era::Modern => INVALID_PARAMS,
        };
        Self::new(code, "resource not found").with_value(&json!({ "uri": uri }))
    }

    /// A header is missing, malformed or contradicts the body (-32020).
    pub fn header_mismatch(detail: impl fmt::Display) -> Self {
        Self::new(HEADER_MISMATCH, format!("header mismatch: {detail}"))
    }

    /// The request needs client capabilities that were not declared (-32021). `required` is a `ClientCapabilities`
    /// object, for instance `{"sampling":{}}`.
    #[must_use]
    pub fn missing_capability(required: &RawValue) -> Self {
        let data = format!("{{\"requiredCapabilities\":{}}}", required.get());
        Self::new(
            MISSING_REQUIRED_CLIENT_CAPABILITY,
            "missing required client capability",
        )
        .with_data(raw::from_written(data))
    }

    /// The protocol version is not served (-32022).
    #[must_use]
    pub fn unsupported_version(supported: &[ProtocolVersion], requested: &str) -> Self {
        Self::new(UNSUPPORTED_PROTOCOL_VERSION, "unsupported protocol version")
            .with_value(&version_data(supported, requested))
    }

    /// The legacy form of the same complaint (-32600): that era has no code of its own for it.
    #[must_use]
    pub fn unsupported_legacy_version(supported: &[ProtocolVersion], requested: &str) -> Self {
        Self::invalid_request("unsupported protocol version").with_value(&version_data(supported, requested))
    }

    /// The HTTP status a modern server must use when this error is the whole answer to a POST.
    ///
    /// A legacy server has no such mapping: there 404 means that the session is gone.
    #[must_use]
    pub fn modern_http_status(&self) -> StatusCode {
        match self.code {
            METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
            PARSE_ERROR
            | INVALID_REQUEST
            | HEADER_MISMATCH
            | MISSING_REQUIRED_CLIENT_CAPABILITY
            | UNSUPPORTED_PROTOCOL_VERSION => StatusCode::BAD_REQUEST,
            _ => StatusCode::OK,
        }
    }

    /// Replaces a code that the modern era forbids, for an error that comes from a legacy upstream.
    #[must_use]
    pub fn into_modern(mut self) -> Self {
        match self.code {
            RESOURCE_NOT_FOUND => self.code = INVALID_PARAMS,
            URL_ELICITATION_REQUIRED => self.code = INTERNAL_ERROR,
            _ => {}
        }
        self
    }

    /// Appends the error object as JSON.
    pub(crate) fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"code\":");
        out.extend_from_slice(self.code.to_string().as_bytes());
        out.extend_from_slice(b",\"message\":");
        out.extend_from_slice(raw::from_string(&self.message).get().as_bytes());
        if let Some(data) = &self.data {
            out.extend_from_slice(b",\"data\":");
            out.extend_from_slice(data.get().as_bytes());
        }
        out.push(b'}');
    }

    /// The error object as raw JSON.
    #[must_use]
    pub fn to_raw(&self) -> Box<RawValue> {
        let mut out = Vec::with_capacity(64 + self.message.len());
        self.write_to(&mut out);
        raw::from_written(String::from_utf8(out).expect("an error object is written from text only"))
    }
}

fn version_data(supported: &[ProtocolVersion], requested: &str) -> Value {
    let supported: Vec<&str> = supported.iter().map(ProtocolVersion::as_str).collect();
    json!({ "supported": supported, "requested": requested })
}

impl PartialEq for ErrorObject {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
            && self.message == other.message
            && self.data.as_deref().map(RawValue::get) == other.data.as_deref().map(RawValue::get)
    }
}

impl fmt::Debug for ErrorObject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.to_raw().get())
    }
}

impl fmt::Display for ErrorObject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (code {})", self.message, self.code)
    }
}

impl std::error::Error for ErrorObject {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn data_has_the_shape_the_specification_names() {
        let error = ErrorObject::unsupported_version(&[ProtocolVersion::V2026_07_28], "1900-01-01");
        assert_eq!(
            error.to_raw().get(),
            r#"{"code":-32022,"message":"unsupported protocol version","data":{"supported":["2026-07-28"],"requested":"1900-01-01"}}"#
        );
        let required = raw::from_written(r#"{"sampling":{}}"#.to_owned());
        let error = ErrorObject::missing_capability(&required);
        assert_eq!(
            error.data.unwrap().get(),
            r#"{"requiredCapabilities":{"sampling":{}}}"#
        );
        assert_eq!(
            ErrorObject::timeout("slow").data.unwrap().get(),
            r#"{"reason":"timeout"}"#
        );
    }

    #[test]
    fn a_missing_resource_has_one_code_per_era() {
        assert_eq!(ErrorObject::resource_not_found(Era::Legacy, "x:y").code, -32002);
        let modern = ErrorObject::resource_not_found(Era::Modern, "x:y");
        assert_eq!(
            (modern.code, modern.data.unwrap().get()),
            (-32602, r#"{"uri":"x:y"}"#)
        );
        assert_eq!(ErrorObject::new(-32002, "gone").into_modern().code, -32602);
        assert_eq!(ErrorObject::new(-32042, "url").into_modern().code, -32603);
        assert_eq!(ErrorObject::new(-5, "own").into_modern().code, -5);
    }

    #[test]
    fn an_error_survives_the_round_trip_with_its_data_untouched() {
        let text = "{\"code\":-7,\"message\":\"a\\\"b\",\"data\":{\"x\" : 1.50}}";
        let error = ErrorObject::from_raw(&raw::from_written(text.to_owned())).unwrap();
        assert_eq!(error.to_raw().get(), text);
        assert_eq!(error.data.as_ref().unwrap().get(), "{\"x\" : 1.50}");
    }

    #[test]
    fn an_error_without_code_or_message_is_not_read() {
        for text in [
            "{}",
            "{\"code\":1}",
            "{\"code\":1.5,\"message\":\"\"}",
            "[]",
            "{\"code\":1,\"message\":null}",
        ] {
            assert_eq!(
                ErrorObject::from_raw(&raw::from_written(text.to_owned())),
                None,
                "{text}"
            );
        }
    }

    #[test]
    fn only_modern_protocol_errors_change_the_http_status() {
        assert_eq!(
            ErrorObject::method_not_found("x").modern_http_status(),
            StatusCode::NOT_FOUND
        );
        assert_eq!(
            ErrorObject::header_mismatch("x").modern_http_status(),
            StatusCode::BAD_REQUEST
        );
        assert_eq!(ErrorObject::internal("x").modern_http_status(), StatusCode::OK);
        assert_eq!(
            ErrorObject::unknown_tool("x").modern_http_status(),
            StatusCode::OK
        );
    }
}
