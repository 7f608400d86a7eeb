//! The tool that tells what the server saw of its caller.

use std::collections::BTreeMap;

use rmcp::model::CallToolResult;
use serde_json::{Value, json};

use crate::call::{Call, ToolResult};

/// Runs a tool of this file.
pub(super) fn run(call: &Call<'_>, name: &str) -> Option<ToolResult> {
    (name == "whoami").then(|| Ok(CallToolResult::structured(whoami(call)).into()))
}

fn whoami(call: &Call<'_>) -> Value {
    let version = call.context.protocol_version();
    json!({
        "name": call.state.options.name,
        "sessionId": call.session_id(),
        "protocolVersion": version,
        "requestId": call.context.id,
        "clientInfo": call.context.client_info(),
        "clientCapabilities": call.context.client_capabilities(),
        "meta": call.context.meta,
        "headers": headers(call),
        "pid": std::process::id(),
        "environment": std::env::vars().map(|(name, _)| name).collect::<Vec<_>>(),
    })
}

fn headers(call: &Call<'_>) -> BTreeMap<String, String> {
    let parts = call.context.extensions.get::<http::request::Parts>();
    let headers = parts.into_iter().flat_map(|parts| &parts.headers);
    headers
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}
