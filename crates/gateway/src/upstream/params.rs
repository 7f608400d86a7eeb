//! The params of a request as an upstream of either era wants them.
//!
//! Where nothing has to change the client's own bytes are sent.

use std::borrow::Cow;

use mcpg_mcp::id::RequestId;
use mcpg_mcp::meta::{CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL, PROGRESS_TOKEN, PROTOCOL_VERSION};
use mcpg_mcp::object::Object;
use mcpg_mcp::version::ProtocolVersion;
use serde_json::value::RawValue;

use crate::exchange::Caller;

const META: &str = "_meta";

/// For a legacy upstream: the progress token is `token`, and nothing else of the modern era's metadata is left.
pub(super) fn legacy<'a>(
    params: Option<&'a RawValue>,
    caller: &Caller,
    token: Option<&RequestId>,
) -> Option<Cow<'a, RawValue>> {
    let from_modern = caller.version.is_modern();
    let is_clean = caller.trace.invalid.is_empty();
    if token.is_none() && is_clean && !(from_modern && params.is_some()) {
        return params.map(Cow::Borrowed);
    }
    Some(edit_meta(params, |meta| {
        remove_invalid(meta, caller);
        if from_modern {
            for key in [PROTOCOL_VERSION, CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL] {
                meta.remove(key);
            }
        }
        if let Some(token) = token {
            meta.set(PROGRESS_TOKEN, token.to_raw());
        }
    }))
}

/// For a modern upstream that speaks `version`, on behalf of a client.
pub(super) fn modern<'a>(
    params: Option<&'a RawValue>,
    version: ProtocolVersion,
    caller: &Caller,
    gateway: &RawValue,
    token: Option<&RequestId>,
) -> Cow<'a, RawValue> {
    let from_modern = caller.version.is_modern();
    if let Some(params) = params
        && from_modern
        && caller.version == version
        && token.is_none()
        && caller.trace.invalid.is_empty()
    {
        return Cow::Borrowed(params);
    }
    edit_meta(params, |meta| {
        remove_invalid(meta, caller);
        meta.set_str(PROTOCOL_VERSION, version.as_str());
        if !from_modern {
            // A question of a modern server comes as an unfinished result, which a legacy client cannot take: so
            // none are invited.
            meta.set(CLIENT_CAPABILITIES, empty());
            meta.set(
                CLIENT_INFO,
                caller.client_info.as_deref().unwrap_or(gateway).to_owned(),
            );
            if let Some(level) = &caller.log_level {
                meta.set_str(LOG_LEVEL, level);
            }
        }
        if let Some(token) = token {
            meta.set(PROGRESS_TOKEN, token.to_raw());
        }
    })
}

/// For a modern upstream, on the gateway's own behalf.
pub(super) fn own_modern(
    params: Option<&RawValue>,
    version: ProtocolVersion,
    gateway: &RawValue,
) -> Box<RawValue> {
    edit_meta(params, |meta| {
        meta.set_str(PROTOCOL_VERSION, version.as_str());
        meta.set(CLIENT_CAPABILITIES, empty());
        meta.set(CLIENT_INFO, gateway.to_owned());
    })
    .into_owned()
}

/// What has not the form that receivers rely on is not passed on.
fn remove_invalid(meta: &mut Object<'_>, caller: &Caller) {
    for key in &caller.trace.invalid {
        meta.remove(key);
    }
}

fn empty() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).expect("an empty object is JSON")
}

/// Reads and writes `_meta` once, and removes it when nothing is left in it.
fn edit_meta<'a>(params: Option<&'a RawValue>, edit: impl FnOnce(&mut Object<'_>)) -> Cow<'a, RawValue> {
    let mut object = match params.map(Object::parse) {
        Some(Ok(object)) => object,
        None => Object::new(),
        // Positional params carry no metadata. The upstream says what it thinks of them.
        Some(Err(_)) => return params.map_or_else(|| Cow::Owned(Object::new().to_raw()), Cow::Borrowed),
    };
    let before = object.get(META).map(ToOwned::to_owned);
    let mut meta = before
        .as_deref()
        .and_then(|meta| Object::parse(meta).ok())
        .unwrap_or_default();
    edit(&mut meta);
    if meta.is_empty() {
        object.remove(META);
    } else {
        object.set(META, meta.to_raw());
    }
    Cow::Owned(object.to_raw())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::exchange::EventSink;
    use crate::observe::CallTrace;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).expect("valid JSON")
    }

    fn caller(version: ProtocolVersion) -> Caller {
        Caller {
            version,
            capabilities: Arc::from(raw(r#"{"roots":{}}"#)),
            client_info: None,
            log_level: Some("info".to_owned()),
            progress_token: None,
            events: EventSink::new(1).0,
            trace: CallTrace::default(),
        }
    }

    #[test]
    fn what_need_not_change_is_sent_as_it_came() {
        let params = raw(r#"{ "name" : "x", "_meta": {"k":1} }"#);
        let sent = legacy(Some(&params), &caller(ProtocolVersion::V2025_06_18), None).expect("params");
        assert!(matches!(sent, Cow::Borrowed(_)));
        let modern_caller = caller(ProtocolVersion::V2026_07_28);
        let sent = modern(
            Some(&params),
            ProtocolVersion::V2026_07_28,
            &modern_caller,
            &raw("{}"),
            None,
        );
        assert!(matches!(sent, Cow::Borrowed(_)));
        assert!(legacy(None, &modern_caller, None).is_none());
    }

    #[test]
    fn a_legacy_upstream_sees_no_modern_metadata() {
        let token = RequestId::from("b-1");
        let params = raw(
            r#"{"a":1,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken":7,
            "io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/logLevel":"info","own":true}}"#,
        );
        let modern_caller = caller(ProtocolVersion::V2026_07_28);
        let sent = legacy(Some(&params), &modern_caller, Some(&token)).expect("params");
        assert_eq!(
            sent.get(),
            r#"{"a":1,"_meta":{"progressToken":"b-1","own":true}}"#
        );
        let params = raw(r#"{"a":1,"_meta":{"io.modelcontextprotocol/clientCapabilities":{}}}"#);
        assert_eq!(
            legacy(Some(&params), &modern_caller, None).expect("params").get(),
            r#"{"a":1}"#
        );
    }

    #[test]
    fn a_modern_upstream_gets_complete_metadata_for_a_legacy_client() {
        let token = RequestId::from("b-1");
        let params = raw(r#"{"a":1,"_meta":{"progressToken":7,"own":true}}"#);
        let client = caller(ProtocolVersion::V2025_11_25);
        let gateway = raw(r#"{"name":"g"}"#);
        let sent = modern(
            Some(&params),
            ProtocolVersion::V2026_07_28,
            &client,
            &gateway,
            Some(&token),
        );
        assert_eq!(
            sent.get(),
            concat!(
                r#"{"a":1,"_meta":{"progressToken":"b-1","own":true,"#,
                r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
                r#""io.modelcontextprotocol/clientCapabilities":{},"#,
                r#""io.modelcontextprotocol/clientInfo":{"name":"g"},"io.modelcontextprotocol/logLevel":"info"}}"#
            )
        );
    }
}
