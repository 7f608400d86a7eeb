//! One tool call: its arguments, its client, and how its end is counted.

use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock,
        InputResponses, ProtocolVersion,
    },
    service::RequestContext,
};
use serde_json::{Map, Value};

use crate::{state::State, stats::Outcome, tools};

/// What a tool returns.
pub(crate) type ToolResult = Result<CallToolResponse, ErrorData>;

/// A running tool call.
pub(crate) struct Call<'a> {
    /// State of the server.
    pub(crate) state: &'a State,
    /// Parameters of the request.
    pub(crate) request: CallToolRequestParams,
    /// Everything else that came with the request.
    pub(crate) context: RequestContext<RoleServer>,
}

impl Call<'_> {
    /// Runs the tool and counts it; the client, or the end of its session, cancels it.
    pub(crate) async fn run(self) -> ToolResult {
        let guard = self
            .state
            .stats
            .call_started(&self.request.name, self.text("tag"));
        let session_closed = match self.session_id() {
            Some(session) => self.state.listeners.session_closed(session),
            None => self.context.ct.clone(),
        };
        tokio::select! {
            result = tools::run(&self) => {
                guard.end(if result.is_ok() { Outcome::Completed } else { Outcome::Failed });
                result
            }
            () = self.context.ct.cancelled() => cancelled(),
            () = session_closed.cancelled() => cancelled(),
        }
    }

    /// Returns a text argument.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.argument(name)?.as_str()
    }

    /// Returns a text argument the tool cannot do without.
    pub(crate) fn required_text(&self, name: &str) -> Result<&str, ErrorData> {
        self.text(name).ok_or_else(|| missing(name, "string"))
    }

    /// Returns a whole number the tool cannot do without.
    pub(crate) fn required_count(&self, name: &str) -> Result<u64, ErrorData> {
        self.argument(name)
            .and_then(Value::as_u64)
            .ok_or_else(|| missing(name, "non-negative integer"))
    }

    /// Returns a number the tool cannot do without.
    pub(crate) fn required_number(&self, name: &str) -> Result<f64, ErrorData> {
        self.argument(name)
            .and_then(Value::as_f64)
            .ok_or_else(|| missing(name, "number"))
    }

    /// Returns an argument.
    pub(crate) fn argument(&self, name: &str) -> Option<&Value> {
        self.request.arguments.as_ref()?.get(name)
    }

    /// Returns the client's answer to an input request of an earlier round.
    ///
    /// Anything but an object cannot be a result, so it counts as no answer.
    pub(crate) fn answer(&self, key: &str) -> Option<&Map<String, Value>> {
        find_answer(self.request.input_responses.as_ref(), key)
    }

    /// Tells whether the request came in a revision without sessions.
    pub(crate) fn is_modern(&self) -> bool {
        is_modern(&self.context)
    }

    /// Returns the id of the legacy session of the request.
    pub(crate) fn session_id(&self) -> Option<&str> {
        session_id(&self.context.extensions)
    }

    /// Returns what the client declared it can do.
    pub(crate) fn client_capabilities(&self) -> ClientCapabilities {
        self.context.client_capabilities().unwrap_or_default()
    }
}

/// Returns the client's answer to an input request, if it has the shape of one.
pub(crate) fn find_answer<'a>(
    responses: Option<&'a InputResponses>,
    key: &str,
) -> Option<&'a Map<String, Value>> {
    responses?.get(key)?.as_object()
}

/// Tells whether a request came in a revision without sessions.
pub(crate) fn is_modern(context: &RequestContext<RoleServer>) -> bool {
    let version = context.protocol_version();
    version.is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str())
}

/// Returns the id of the legacy session among the extensions of a request or notification.
pub(crate) fn session_id(extensions: &rmcp::model::Extensions) -> Option<&str> {
    let Some(parts) = extensions.get::<http::request::Parts>() else {
        return Some(crate::stdio::SESSION);
    };
    parts.headers.get("mcp-session-id")?.to_str().ok()
}

/// Returns a result of one text block.
pub(crate) fn text_result(text: impl Into<String>) -> ToolResult {
    Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
}

/// Returns a tool error of one text block.
pub(crate) fn tool_error(text: impl Into<String>) -> ToolResult {
    Ok(CallToolResult::error(vec![ContentBlock::text(text)]).into())
}

/// Turns any failure the server itself should not have into a protocol error.
pub(crate) fn internal(error: impl std::fmt::Display) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

fn cancelled() -> ToolResult {
    Err(ErrorData::internal_error("the call was cancelled", None))
}

fn missing(name: &str, kind: &str) -> ErrorData {
    ErrorData::invalid_params(format!("argument {name:?} must be a {kind}"), None)
}
