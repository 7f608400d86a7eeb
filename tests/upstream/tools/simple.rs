//! Tools that compute, wait or count.

use std::time::Duration;

use rmcp::{
    ErrorData,
    model::{CallToolResult, ContentBlock, ErrorCode, ProgressNotificationParam},
};
use serde_json::{Value, json};

use crate::call::{Call, ToolResult, text_result};

/// Runs a tool of this file.
pub(super) async fn run(call: &Call<'_>, name: &str) -> Option<ToolResult> {
    Some(match name {
        "echo" => call.required_text("message").and_then(text_result),
        "test_custom_header" => call.required_text("value").and_then(text_result),
        "add" => add(call),
        "count" => call
            .required_text("tag")
            .and_then(|tag| text_result(call.state.stats.count(tag).to_string())),
        "large" => call.required_count("bytes").and_then(large),
        "error_protocol" => Err(protocol_error(call)),
        "json_schema_2020_12_tool" => text_result(format!("hello {}", call.text("name").unwrap_or("world"))),
        "test_missing_capability" => missing_capability(call),
        "sleep" => sleep(call).await,
        "sleep_with_progress" => sleep_with_progress(call).await,
        _ => return None,
    })
}

fn add(call: &Call<'_>) -> ToolResult {
    let sum = call.required_number("a")? + call.required_number("b")?;
    let mut result = CallToolResult::success(vec![ContentBlock::text(sum.to_string())]);
    result.structured_content = Some(json!({ "sum": sum }));
    Ok(result.into())
}

fn large(bytes: u64) -> ToolResult {
    let bytes = usize::try_from(bytes).map_err(|error| ErrorData::invalid_params(error.to_string(), None))?;
    text_result("x".repeat(bytes))
}

fn protocol_error(call: &Call<'_>) -> ErrorData {
    let code = call
        .argument("code")
        .and_then(Value::as_i64)
        .and_then(|code| i32::try_from(code).ok());
    let message = call
        .text("message")
        .unwrap_or("this tool always fails")
        .to_owned();
    let code = code.map_or(ErrorCode::INTERNAL_ERROR, ErrorCode);
    ErrorData::new(code, message, Some(json!({ "tool": "error_protocol" })))
}

fn missing_capability(call: &Call<'_>) -> ToolResult {
    super::input::require(call, "sampling")?;
    text_result("the sampling capability is declared")
}

async fn sleep(call: &Call<'_>) -> ToolResult {
    let milliseconds = call.required_count("ms")?;
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    text_result(format!("slept {milliseconds} ms"))
}

async fn sleep_with_progress(call: &Call<'_>) -> ToolResult {
    let (steps, interval) = (call.required_count("steps")?, call.required_count("interval_ms")?);
    for step in 1..=steps {
        tokio::time::sleep(Duration::from_millis(interval)).await;
        report_progress(call, step as f64, steps as f64).await;
    }
    text_result(format!("slept {steps} steps of {interval} ms"))
}

/// Tells the client how far the call is, if it asked for that.
///
/// A client that went away is noticed by the cancellation of the call, so a failure to send is not one of the tool.
pub(super) async fn report_progress(call: &Call<'_>, progress: f64, total: f64) {
    if let Some(token) = call.context.meta.get_progress_token() {
        let progress = ProgressNotificationParam::new(token, progress).with_total(total);
        let _ = call.context.peer.notify_progress(progress).await;
    }
}
