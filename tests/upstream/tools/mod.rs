//! The tools, one file per kind; each file runs the names it knows and returns `None` for the others.

mod content;
mod input;
mod input_rounds;
mod inspect;
mod jobs;
mod misbehave;
mod notify;
mod simple;

use rmcp::ErrorData;
use serde_json::json;

use crate::call::{Call, ToolResult, text_result};

pub(crate) use content::IMAGE;
pub(crate) use input::{elicitation, form};

/// Runs the tool of the call.
pub(crate) async fn run(call: &Call<'_>) -> ToolResult {
    let name = call.request.name.as_ref();
    if call.state.catalogue.tool(name).is_none() {
        return Err(ErrorData::invalid_params(
            format!("unknown tool {name:?}"),
            Some(json!({ "name": name })),
        ));
    }
    if let Some(result) = content::run(name).or_else(|| inspect::run(call, name)) {
        return result;
    }
    if let Some(result) = simple::run(call, name).await {
        return result;
    }
    if let Some(result) = notify::run(call, name).await {
        return result;
    }
    if let Some(result) = input::run(call, name).await {
        return result;
    }
    if let Some(result) = misbehave::run(call, name) {
        return result;
    }
    if let Some(result) = input_rounds::run(call, name) {
        return result;
    }
    if let Some(result) = jobs::run(call, name).await {
        return result;
    }
    text_result(format!("tool {name} was added while the server ran"))
}
