//! The backend that answers from the configuration itself.

use std::time::Duration;

use mcpg_config::app::{Ask, Mock, MockContent};
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::version::Era;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use super::bindings::Params;
use super::reply::{self, About, Reply};
use super::template::{fill, fill_value};
use crate::exchange::{CallError, Caller, Outcome};

/// The key under which the answer to a mock's question comes back in the modern era.
const ASKED: &str = "ask";

/// How asking the user went.
enum Asked {
    /// Go on with these arguments, the answers among them.
    Answered(Map<String, Value>),
    /// End the call with this result: the question itself (modern era).
    Input(Box<RawValue>),
    /// The user or the client did not answer.
    Refused(&'static str),
}

pub(super) async fn call_tool(mock: &Mock, params: &Params, caller: &Caller) -> Outcome {
    let arguments = match prepare(mock, params, caller).await? {
        Asked::Answered(arguments) => arguments,
        Asked::Input(result) => return Ok(result),
        Asked::Refused(why) => return reply::failed(why, caller),
    };
    let content = match &mock.content {
        MockContent::Text(text) => json!([{ "type": "text", "text": fill(text, &arguments) }]),
        MockContent::Blocks(blocks) => blocks.iter().map(|block| fill_value(block, &arguments)).collect(),
    };
    let mut result = Map::new();
    result.insert("content".to_owned(), content);
    if mock.is_error {
        result.insert("isError".to_owned(), Value::Bool(true));
    }
    reply::finish(caller, result)
}

pub(super) async fn get_prompt(
    mock: &Mock,
    description: Option<&str>,
    params: &Params,
    caller: &Caller,
) -> Outcome {
    let arguments = match prepare(mock, params, caller).await? {
        Asked::Answered(arguments) => arguments,
        Asked::Input(result) => return Ok(result),
        Asked::Refused(why) => return Err(ErrorObject::internal(why).into()),
    };
    let text = fill(text_of(mock), &arguments);
    reply::prompt(Ok(Reply::from_value(Value::from(text))), description, caller)
}

pub(super) async fn read_resource(
    mock: &Mock,
    content: &About<'_>,
    params: &Params,
    caller: &Caller,
) -> Outcome {
    let arguments = match prepare(mock, params, caller).await? {
        Asked::Answered(arguments) => arguments,
        Asked::Input(result) => return Ok(result),
        Asked::Refused(why) => return Err(ErrorObject::internal(why).into()),
    };
    let text = fill(text_of(mock), &arguments);
    reply::resource(Ok(Reply::from_value(Value::from(text))), content, caller)
}

fn text_of(mock: &Mock) -> &str {
    match &mock.content {
        MockContent::Text(text) => text,
        // The configuration allows blocks for tools only.
        MockContent::Blocks(_) => "",
    }
}

/// Asks where the mock asks, then takes its time and tells of its progress.
async fn prepare(mock: &Mock, params: &Params, caller: &Caller) -> Result<Asked, CallError> {
    let mut arguments = params.arguments.clone();
    if let Some(ask) = &mock.ask {
        match question(ask, params, caller).await? {
            Asked::Answered(answers) => arguments.extend(answers),
            other => return Ok(other),
        }
    }
    let steps = mock.progress_steps.max(1);
    let pause = mock.delay / steps;
    for step in 1..=steps {
        if pause > Duration::ZERO {
            tokio::time::sleep(pause).await;
        }
        if mock.progress_steps > 0 {
            progress(step, steps, caller).await?;
        }
    }
    Ok(Asked::Answered(arguments))
}

async fn progress(step: u32, steps: u32, caller: &Caller) -> Result<(), CallError> {
    if let Some(token) = &caller.progress_token {
        let params = raw(&json!({ "progressToken": token, "progress": step, "total": steps }))?;
        caller.events.notify("notifications/progress", Some(params)).await;
    }
    Ok(())
}

async fn question(ask: &Ask, params: &Params, caller: &Caller) -> Result<Asked, CallError> {
    let request = json!({
        "mode": "form",
        "message": fill(&ask.message, &params.arguments),
        "requestedSchema": ask.schema,
    });
    match caller.version.era() {
        Era::Modern => modern_question(&request, params, caller),
        Era::Legacy => legacy_question(request, caller).await,
    }
}

/// The modern era asks by answering: the client calls again with what the user said.
fn modern_question(request: &Value, params: &Params, caller: &Caller) -> Result<Asked, CallError> {
    if let Some(answer) = params.input_responses.get(ASKED) {
        return Ok(accepted(answer));
    }
    if !declares_elicitation(caller) {
        let required = raw(&json!({ "elicitation": {} }))?;
        return Err(ErrorObject::missing_capability(&required).into());
    }
    let inputs = json!({ ASKED: { "method": "elicitation/create", "params": request } });
    raw(&json!({ "resultType": "input_required", "inputRequests": inputs })).map(Asked::Input)
}

async fn legacy_question(mut request: Value, caller: &Caller) -> Result<Asked, CallError> {
    if !declares_elicitation(caller) {
        return Ok(Asked::Refused(
            "this asks the user, and the client does not support elicitation",
        ));
    }
    // Revisions before 2025-11-25 know no modes.
    if let Some(members) = request
        .as_object_mut()
        .filter(|_| !caller.version.has_url_elicitation())
    {
        members.shift_remove("mode");
    }
    match caller
        .events
        .ask("elicitation/create", Some(raw(&request)?))
        .await
    {
        Ok(Ok(answer)) => Ok(accepted(
            &serde_json::from_str(answer.get()).map_err(ErrorObject::internal)?,
        )),
        Ok(Err(_)) => Ok(Asked::Refused("the client refused to ask the user")),
        Err(_) => Ok(Asked::Refused(
            "the question could not be delivered to the client",
        )),
    }
}

fn accepted(answer: &Value) -> Asked {
    match (
        answer["action"].as_str(),
        answer.get("content").and_then(Value::as_object),
    ) {
        (Some("accept"), content) => Asked::Answered(content.cloned().unwrap_or_default()),
        _ => Asked::Refused("the user did not answer the question"),
    }
}

fn declares_elicitation(caller: &Caller) -> bool {
    let declared: Map<String, Value> = serde_json::from_str(caller.capabilities.get()).unwrap_or_default();
    declared.get("elicitation").is_some_and(Value::is_object)
}

fn raw(value: &Value) -> Outcome {
    to_raw_value(value).map_err(|error| ErrorObject::internal(error).into())
}
