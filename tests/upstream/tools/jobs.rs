//! Tools that run as tasks when the client declared the tasks extension.

use std::time::Duration;

use rmcp::{
    ErrorData,
    model::{CallToolResult, ClientCapabilities, ContentBlock, CreateTaskResult},
    task_manager::{TaskContext, TaskExit, TaskFuture, TaskOptions},
};
use serde_json::Value;

use super::{
    input::{elicitation, form},
    input_rounds::{name_question, user_name},
};
use crate::call::{Call, ToolResult, text_result};

/// How long the failing jobs work before they fail.
const FAILURE_DELAY: Duration = Duration::from_secs(1);

/// Runs a tool of this file.
pub(super) async fn run(call: &Call<'_>, name: &str) -> Option<ToolResult> {
    let tasks = call.client_capabilities().supports_tasks();
    Some(match name {
        "greet" => call
            .required_text("name")
            .and_then(|name| text_result(format!("Hello, {name}!"))),
        "slow_compute" => slow_compute(call, tasks).await,
        "protocol_error_job" => protocol_error_job(call, tasks).await,
        "failing_job" | "confirm_delete" | "multi_input" | "test_tool_with_task" if !tasks => {
            Err(tasks_required())
        }
        "failing_job" => start(call, |_| Box::pin(failing_job())),
        "confirm_delete" => {
            let filename = call.text("filename").unwrap_or("unnamed").to_owned();
            start(call, |task| Box::pin(confirm_delete(task, filename)))
        }
        "multi_input" => start(call, |task| Box::pin(multi_input(task))),
        "test_tool_with_task" => greeting_task(call),
        _ => return None,
    })
}

fn start(call: &Call<'_>, work: impl FnOnce(TaskContext) -> TaskFuture) -> ToolResult {
    Ok(CreateTaskResult::new(call.state.tasks.spawn(TaskOptions::default(), work)).into())
}

fn tasks_required() -> ErrorData {
    ErrorData::missing_required_client_capability(ClientCapabilities::builder().enable_tasks().build())
}

async fn slow_compute(call: &Call<'_>, as_task: bool) -> ToolResult {
    let seconds = call.argument("seconds").and_then(Value::as_f64).unwrap_or(1.0);
    let duration = Duration::try_from_secs_f64(seconds)
        .map_err(|error| ErrorData::invalid_params(format!("argument \"seconds\": {error}"), None))?;
    let text = format!(
        "computed {} for {seconds} s",
        call.text("label").unwrap_or("nothing")
    );
    if !as_task {
        tokio::time::sleep(duration).await;
        return text_result(text);
    }
    start(call, |task| {
        Box::pin(async move {
            tokio::select! {
                () = tokio::time::sleep(duration) => Ok(success(text)),
                () = task.cancelled() => Err(TaskExit::Cancelled),
            }
        })
    })
}

async fn protocol_error_job(call: &Call<'_>, as_task: bool) -> ToolResult {
    let error = ErrorData::internal_error("this job always breaks", None);
    if !as_task {
        return Err(error);
    }
    start(call, |_| {
        Box::pin(async move {
            tokio::time::sleep(FAILURE_DELAY).await;
            Err(TaskExit::Error(error))
        })
    })
}

async fn failing_job() -> Result<CallToolResult, TaskExit> {
    tokio::time::sleep(FAILURE_DELAY).await;
    Ok(CallToolResult::error(vec![ContentBlock::text(
        "this job always fails",
    )]))
}

async fn confirm_delete(task: TaskContext, filename: String) -> Result<CallToolResult, TaskExit> {
    let request = elicitation(&format!("Delete {filename}?"), &form("confirm", "boolean"))?;
    let answer = task.request_input("confirm", request).await?;
    let confirmed = answer
        .pointer("/content/confirm")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    Ok(success(if confirmed {
        format!("deleted {filename}")
    } else {
        format!("kept {filename}")
    }))
}

async fn multi_input(task: TaskContext) -> Result<CallToolResult, TaskExit> {
    let first = elicitation("What is the first name?", &form("name", "string"))?;
    let second = elicitation("What is the second name?", &form("name", "string"))?;
    let (first, second) = tokio::try_join!(
        task.request_input("first", first),
        task.request_input("second", second)
    )?;
    let name = |answer: &Value| {
        answer
            .pointer("/content/name")
            .and_then(Value::as_str)
            .unwrap_or("nobody")
            .to_owned()
    };
    Ok(success(format!("{} and {}", name(&first), name(&second))))
}

fn greeting_task(call: &Call<'_>) -> ToolResult {
    let Some(name) = user_name(call) else {
        return name_question(call);
    };
    let text = format!("Hello, {name}!");
    start(call, |_| Box::pin(async move { Ok(success(text)) }))
}

fn success(text: String) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}
