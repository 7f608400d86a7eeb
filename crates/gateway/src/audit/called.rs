//! What is known of a call when it begins.

use std::time::{Duration, SystemTime};

use mcpg_capabilities::principal::Principal;
use mcpg_capabilities::sessions::SessionId;
use mcpg_mcp::id::RequestId;
use mcpg_mcp::object::Object;
use mcpg_mcp::version::ProtocolVersion;
use serde_json::value::RawValue;

use super::line::Record;
use crate::observe::CurrentRequest;

/// A call that begins.
#[derive(Debug)]
pub(crate) struct Called<'c> {
    /// The JSON-RPC id.
    pub(crate) id: &'c RequestId,
    /// The id of the trace that the message names.
    pub(crate) trace: Option<&'c str>,
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
        // As the lines of the log about the same request say it.
        let (request, trace) = match CurrentRequest::get() {
            Some(current) => (Some(current.id), current.trace),
            None => (None, None),
        };
        Record {
            started: SystemTime::now(),
            took: Duration::ZERO,
            request,
            id: RawValue::from_string(self.id.as_json().to_owned())
                .expect("the text of a request id is JSON"),
            principal: self.principal.clone(),
            session: self.session.cloned(),
            version: self.version,
            method: self.method,
            name: self.name.map(str::to_owned),
            uri: self.uri.map(str::to_owned),
            upstream: self.upstream,
            trace: self.trace.map(str::to_owned).or(trace),
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
