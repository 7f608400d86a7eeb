//! What is known of a call when it begins.

use std::time::{Duration, SystemTime};

use mcpg_capabilities::principal::Principal;
use mcpg_capabilities::sessions::SessionId;
use mcpg_mcp::id::RequestId;
use mcpg_mcp::object::Object;
use mcpg_mcp::version::ProtocolVersion;
use serde_json::value::RawValue;

use super::line::Record;

/// A call that begins.
#[derive(Debug)]
pub(crate) struct Called<'c> {
    pub(crate) request_id: &'c RequestId,
    pub(crate) principal: &'c Principal,
    pub(crate) session: Option<&'c SessionId>,
    pub(crate) version: ProtocolVersion,
    pub(crate) method: &'static str,
    /// What is called, as the client calls it.
    pub(crate) name: Option<&'c str>,
    pub(crate) uri: Option<&'c str>,
    /// Which upstream offers it.
    pub(crate) upstream: Option<usize>,
    pub(crate) params: Option<&'c RawValue>,
}

impl Called<'_> {
    /// The record of the call, whose end is not known yet.
    pub(super) fn record(self, with_arguments: bool) -> Record {
        Record {
            started: SystemTime::now(),
            took: Duration::ZERO,
            request_id: RawValue::from_string(self.request_id.as_json().to_owned())
                .expect("the text of a request id is JSON"),
            principal: self.principal.clone(),
            session: self.session.cloned(),
            version: self.version,
            method: self.method,
            name: self.name.map(str::to_owned),
            uri: self.uri.map(str::to_owned),
            upstream: self.upstream,
            trace_id: self.params.and_then(trace_id),
            arguments: self.params.filter(|_| with_arguments).and_then(arguments),
            // What is said of a call that is never heard of again: the gateway was ended.
            outcome: "unknown",
            code: None,
            reason: None,
        }
    }
}

fn arguments(params: &RawValue) -> Option<Box<RawValue>> {
    let params = Object::parse(params).ok()?;
    params.get("arguments").map(ToOwned::to_owned)
}

/// The trace that a request belongs to, as W3C Trace Context writes it in `_meta.traceparent`.
fn trace_id(params: &RawValue) -> Option<String> {
    // Most requests have none, and large ones are not read for nothing.
    if !params.get().contains("traceparent") {
        return None;
    }
    let params = Object::parse(params).ok()?;
    let meta = Object::parse(params.get("_meta")?).ok()?;
    let parent = meta.get_str("traceparent")?;
    let id = parent.split('-').nth(1)?;
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| id.to_owned())
}
