//! Tools that ask the client one thing, in whichever way its revision of the protocol allows.

use rmcp::{
    ErrorData,
    model::{
        ClientCapabilities, ElicitRequestParams, InputRequest, InputRequests, InputRequiredResult,
        SealOptions,
    },
};
use serde_json::{Map, Value, json};

use super::simple::report_progress;
use crate::call::{Call, ToolResult, internal, text_result, tool_error};

/// Runs a tool of this file.
pub(super) async fn run(call: &Call<'_>, name: &str) -> Option<ToolResult> {
    let forms = &call.state.forms;
    let request = match name {
        "test_sampling" => call
            .required_text("prompt")
            .and_then(|prompt| sampling(prompt, 100)),
        "test_elicitation" => call
            .required_text("message")
            .and_then(|message| elicitation(message, &forms["contact"])),
        "test_elicitation_sep1034_defaults" => elicitation("Please check these values", &forms["defaults"]),
        "test_elicitation_sep1330_enums" => elicitation("Please choose", &forms["enumerations"]),
        "test_streaming_elicitation" => {
            report_progress(call, 1.0, 2.0).await;
            elicitation("Please give a value", &form("value", "string"))
        }
        "ask" => call
            .required_text("question")
            .and_then(|text| elicitation(text, &form("answer", "string"))),
        "ask_sampling" => call
            .required_text("question")
            .and_then(|text| sampling(text, 100)),
        "ask_roots" => roots(),
        _ => return None,
    };
    Some(match request {
        Ok(request) => ask(call, name, request).await,
        Err(error) => Err(error),
    })
}

/// Asks the client, or reads the answer it sent with its retry.
async fn ask(call: &Call<'_>, name: &str, request: InputRequest) -> ToolResult {
    let capability = capability_of(&request);
    if !call.is_modern() && call.session_id().is_none() {
        return tool_error("without a session there is nobody to ask");
    }
    if !call.is_modern() {
        return match ask_now(call, request).await {
            Ok(answer) => describe(name, capability, &answer),
            Err(error) => tool_error(format!("asking the client failed: {error}")),
        };
    }
    require(call, capability)?;
    let Some(answer) = call.answer("answer") else {
        let state = call
            .state
            .request_states
            .seal_with(name.as_bytes(), &bound_to(name));
        return Ok(InputRequiredResult::new(
            Some(InputRequests::from([("answer".to_owned(), request)])),
            Some(state),
        )
        .into());
    };
    let sealed = call.request.request_state.as_deref().unwrap_or_default();
    call.state
        .request_states
        .open_with(sealed, name.as_bytes())
        .map_err(|error| invalid_state(&error))?;
    describe(name, capability, answer)
}

/// Sends a request to the client of a legacy session and waits for its answer.
async fn ask_now(call: &Call<'_>, request: InputRequest) -> Result<Map<String, Value>, ErrorData> {
    let peer = &call.context.peer;
    let answer = match request {
        InputRequest::Elicitation(request) => {
            serde_json::to_value(peer.create_elicitation(request.params).await.map_err(internal)?)
        }
        InputRequest::CreateMessage(request) => {
            serde_json::to_value(peer.create_message(request.params).await.map_err(internal)?)
        }
        InputRequest::ListRoots(_) => serde_json::to_value(peer.list_roots().await.map_err(internal)?),
        _ => {
            return Err(internal(
                "the library knows a kind of question this server does not",
            ));
        }
    };
    Ok(answer.map_err(internal)?.as_object().cloned().unwrap_or_default())
}

/// Puts the answer into words; the beginnings are those the conformance suite expects.
fn describe(name: &str, capability: &str, answer: &Map<String, Value>) -> ToolResult {
    let answered = match capability {
        "sampling" => sampled_text(answer),
        "roots" => answer.get("roots").cloned().unwrap_or_default().to_string(),
        _ => format!(
            "action={}, content={}",
            answer.get("action").and_then(Value::as_str).unwrap_or("none"),
            answer.get("content").cloned().unwrap_or_default()
        ),
    };
    text_result(match name {
        "test_sampling" => format!("LLM response: {answered}"),
        "test_elicitation" => format!("User response: {answered}"),
        name if name.starts_with("test_elicitation") => format!("Elicitation completed: {answered}"),
        _ => answered,
    })
}

/// Fails unless the client declared the capability.
pub(super) fn require(call: &Call<'_>, capability: &str) -> Result<(), ErrorData> {
    let declared = call.client_capabilities();
    let is_declared = match capability {
        "sampling" => declared.sampling.is_some(),
        "roots" => declared.roots.is_some(),
        _ => declared.elicitation.is_some(),
    };
    if is_declared {
        return Ok(());
    }
    let required: ClientCapabilities = serde_json::from_value(json!({ capability: {} })).map_err(internal)?;
    Err(ErrorData::missing_required_client_capability(required))
}

/// Builds a question to the user.
pub(crate) fn elicitation(message: &str, schema: &Value) -> Result<InputRequest, ErrorData> {
    let params: ElicitRequestParams = serde_json::from_value(json!({
        "mode": "form",
        "message": message,
        "requestedSchema": schema,
    }))
    .map_err(internal)?;
    Ok(InputRequest::Elicitation(rmcp::model::ElicitRequest::new(params)))
}

/// Builds a question to the client's model.
pub(super) fn sampling(prompt: &str, max_tokens: u32) -> Result<InputRequest, ErrorData> {
    let message = json!({ "role": "user", "content": { "type": "text", "text": prompt } });
    serde_json::from_value(json!({
        "method": "sampling/createMessage",
        "params": { "messages": [message], "maxTokens": max_tokens },
    }))
    .map_err(internal)
}

/// Builds a question for the client's roots.
pub(super) fn roots() -> Result<InputRequest, ErrorData> {
    Ok(InputRequest::ListRoots(rmcp::model::ListRootsRequest::default()))
}

/// Returns the schema of a form with one required field.
pub(crate) fn form(field: &str, kind: &str) -> Value {
    json!({ "type": "object", "properties": { field: { "type": kind } }, "required": [field] })
}

/// Returns the text of the first block of a sampled message.
pub(super) fn sampled_text(answer: &Map<String, Value>) -> String {
    let content = answer.get("content").cloned().unwrap_or_default();
    let block = content.get(0).cloned().unwrap_or(content);
    block
        .get("text")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// Binds a state to the tool that sealed it.
pub(super) fn bound_to(name: &str) -> SealOptions<'_> {
    SealOptions::new().associated_data(name.as_bytes())
}

/// Refuses a state this server did not seal.
pub(super) fn invalid_state(error: &rmcp::model::RequestStateError) -> ErrorData {
    ErrorData::invalid_params(format!("requestState: {error}"), None)
}

fn capability_of(request: &InputRequest) -> &'static str {
    match request {
        InputRequest::CreateMessage(_) => "sampling",
        InputRequest::ListRoots(_) => "roots",
        _ => "elicitation",
    }
}
