//! Tools that send notifications, or change lists and announce it.

use std::time::Duration;

use rmcp::{
    ErrorData,
    model::{LoggingLevel, LoggingMessageNotification, LoggingMessageNotificationParam},
};
use serde_json::{Value, json};

use super::simple::report_progress;
use crate::{
    call::{Call, ToolResult, internal, text_result},
    listeners::{ChangedList, severity},
    response_stream::ResponseStream,
};

/// Pause between two notifications, so that a client sees them arrive one by one.
const PAUSE: Duration = Duration::from_millis(50);
/// Messages of the logging fixture, in their order.
const LOG_MESSAGES: [&str; 3] = [
    "Tool execution started",
    "Tool processing data",
    "Tool execution completed",
];
/// Name of the tool and of the prompt that the trigger fixtures add and remove.
const TRIGGERED: &str = "test_triggered_entry";

/// Runs a tool of this file.
pub(super) async fn run(call: &Call<'_>, name: &str) -> Option<ToolResult> {
    Some(match name {
        "test_tool_with_logging" => three_logs(call).await,
        "test_tool_with_progress" => three_progresses(call).await,
        "test_logging_tool" => {
            log(call, LoggingLevel::Info, "the request asked for logging").await;
            text_result("logged if asked to")
        }
        "log" => log_times(call).await,
        "test_trigger_tool_change" => trigger_tools(call).await,
        "test_trigger_prompt_change" => trigger_prompts(call).await,
        "test_reconnection" => drop_stream(call, PAUSE).await,
        "drop_stream" => match call.required_count("ms") {
            Ok(milliseconds) => drop_stream(call, Duration::from_millis(milliseconds)).await,
            Err(error) => Err(error),
        },
        _ => return None,
    })
}

async fn three_logs(call: &Call<'_>) -> ToolResult {
    for message in LOG_MESSAGES {
        log(call, LoggingLevel::Info, message).await;
        tokio::time::sleep(PAUSE).await;
    }
    text_result("logged three messages")
}

async fn three_progresses(call: &Call<'_>) -> ToolResult {
    for progress in [0.0, 50.0, 100.0] {
        report_progress(call, progress, 100.0).await;
        tokio::time::sleep(PAUSE).await;
    }
    text_result("reported progress three times")
}

async fn log_times(call: &Call<'_>) -> ToolResult {
    let level = call.argument("level").cloned().unwrap_or_else(|| json!("info"));
    let level = serde_json::from_value(level)
        .map_err(|error| ErrorData::invalid_params(format!("argument \"level\": {error}"), None))?;
    let text = call.required_text("text")?;
    let times = call.argument("times").and_then(Value::as_u64).unwrap_or(1);
    for _ in 0..times {
        log(call, level, text).await;
    }
    text_result(format!("logged {times} times"))
}

/// Sends a log message if the client wants it: per session in the legacy era, per request in the modern one.
async fn log(call: &Call<'_>, level: LoggingLevel, text: &str) {
    let wanted = if call.is_modern() {
        call.context
            .meta
            .log_level()
            .is_some_and(|wanted| severity(level) >= severity(wanted))
    } else {
        call.session_id()
            .is_none_or(|session| call.state.listeners.wants_log(session, level))
    };
    if wanted {
        let message = LoggingMessageNotificationParam::new(level, json!(text)).with_logger("upstream");
        send(call, message).await;
    }
}

/// Sends a log message on the stream of the call, because it belongs to the call.
async fn send(call: &Call<'_>, message: LoggingMessageNotificationParam) {
    match call.context.extensions.get::<ResponseStream>() {
        Some(stream) => {
            stream
                .notify(LoggingMessageNotification::new(message).into())
                .await;
        }
        // Without a session there is no other stream, and the library takes this one.
        None => {
            let _ = call.context.peer.notify_logging_message(message).await;
        }
    }
}

async fn trigger_tools(call: &Call<'_>) -> ToolResult {
    if !call.state.catalogue.remove_tool(TRIGGERED) {
        call.state
            .catalogue
            .add_tool(TRIGGERED, "Exists after every other trigger.");
    }
    let told = call.state.listeners.list_changed(ChangedList::Tools).await;
    text_result(format!("changed the tools and told {told} clients"))
}

async fn trigger_prompts(call: &Call<'_>) -> ToolResult {
    if !call.state.catalogue.remove_prompt(TRIGGERED) {
        call.state
            .catalogue
            .add_prompt(TRIGGERED, "Exists after every other trigger.");
    }
    let told = call.state.listeners.list_changed(ChangedList::Prompts).await;
    text_result(format!("changed the prompts and told {told} clients"))
}

async fn drop_stream(call: &Call<'_>, wait: Duration) -> ToolResult {
    // Without a session a closed stream is a cancelled call, so there the tool only waits.
    if let Some(stream) = call.context.extensions.get::<ResponseStream>() {
        stream.clone().close_until_resumed().await.map_err(internal)?;
    }
    tokio::time::sleep(wait).await;
    text_result("the client came back")
}
