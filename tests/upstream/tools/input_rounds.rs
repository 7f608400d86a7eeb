//! Fixtures of multi-round requests; keys and texts are those the conformance suite expects.

use rmcp::{
    ErrorData,
    model::{InputRequest, InputRequests, InputRequiredResult},
};
use serde_json::Value;

use super::input::{bound_to, elicitation, form, invalid_state, roots, sampled_text, sampling};
use crate::call::{Call, ToolResult, text_result};

/// Runs a tool of this file.
pub(super) fn run(call: &Call<'_>, name: &str) -> Option<ToolResult> {
    Some(match name.strip_prefix("test_input_required_result_")? {
        "elicitation" => name_question(call),
        "sampling" => one_sampling(call),
        "list_roots" => one_roots(call),
        "request_state" | "tampered_state" => confirmed(call, name),
        "multiple_inputs" => three_questions(call, name),
        "multi_round" => two_rounds(call, name),
        "capabilities" => declared_only(call),
        _ => return None,
    })
}

/// Asks for the user's name and greets with it.
pub(super) fn name_question(call: &Call<'_>) -> ToolResult {
    match user_name(call) {
        Some(name) => text_result(format!("Hello, {name}!")),
        None => question(
            "user_name",
            elicitation("What is your name?", &form("name", "string"))?,
            None,
        ),
    }
}

/// Returns the name the user gave in an earlier round.
pub(super) fn user_name<'a>(call: &'a Call<'_>) -> Option<&'a str> {
    call.answer("user_name")?.get("content")?.get("name")?.as_str()
}

fn one_sampling(call: &Call<'_>) -> ToolResult {
    match call.answer("capital_question") {
        Some(answer) => text_result(sampled_text(answer)),
        None => question(
            "capital_question",
            sampling("What is the capital of France?", 100)?,
            None,
        ),
    }
}

fn one_roots(call: &Call<'_>) -> ToolResult {
    match call.answer("client_roots") {
        Some(answer) => text_result(format!(
            "roots: {}",
            answer.get("roots").cloned().unwrap_or_default()
        )),
        None => question("client_roots", roots()?, None),
    }
}

/// Asks for a confirmation and completes only with the state it sealed.
fn confirmed(call: &Call<'_>, name: &str) -> ToolResult {
    let confirming = open_state(call, name)?.as_deref() == Some("confirm");
    if confirming && call.answer("confirm").is_some() {
        return text_result("state-ok");
    }
    let state = seal(call, name, "confirm");
    question(
        "confirm",
        elicitation("Please confirm", &form("ok", "boolean"))?,
        Some(state),
    )
}

fn three_questions(call: &Call<'_>, name: &str) -> ToolResult {
    let opened = open_state(call, name)?;
    if let (Some(_), Some(user), Some(greeting), Some(roots)) = (
        opened,
        user_name(call),
        call.answer("greeting"),
        call.answer("client_roots"),
    ) {
        let roots = roots.get("roots").and_then(Value::as_array).map_or(0, Vec::len);
        return text_result(format!("{user}: {} ({roots} roots)", sampled_text(greeting)));
    }
    let requests = InputRequests::from([
        (
            "user_name".to_owned(),
            elicitation("What is your name?", &form("name", "string"))?,
        ),
        ("greeting".to_owned(), sampling("Generate a greeting", 50)?),
        ("client_roots".to_owned(), roots()?),
    ]);
    Ok(InputRequiredResult::new(Some(requests), Some(seal(call, name, "all"))).into())
}

/// Asks two questions; what was answered first travels in the state of the second.
fn two_rounds(call: &Call<'_>, name: &str) -> ToolResult {
    let content =
        |key: &str, field: &str| Some(call.answer(key)?.get("content")?.get(field)?.as_str()?.to_owned());
    match open_state(call, name)?.as_deref() {
        Some("step1") => {
            if let Some(user) = content("step1", "name") {
                let request = elicitation("Step 2: What is your favorite color?", &form("color", "string"))?;
                return question("step2", request, Some(seal(call, name, &format!("step2 {user}"))));
            }
        }
        Some(state) => {
            let user = state.strip_prefix("step2 ").unwrap_or_default();
            if let Some(color) = content("step2", "color") {
                return text_result(format!("{user} likes {color}"));
            }
        }
        None => {}
    }
    let request = elicitation("Step 1: What is your name?", &form("name", "string"))?;
    question("step1", request, Some(seal(call, name, "step1")))
}

/// Asks for everything the client declared it can answer.
fn declared_only(call: &Call<'_>) -> ToolResult {
    let declared = call.client_capabilities();
    let mut requests = InputRequests::new();
    if declared.elicitation.is_some() {
        requests.insert(
            "user_name".to_owned(),
            elicitation("What is your name?", &form("name", "string"))?,
        );
    }
    if declared.sampling.is_some() {
        requests.insert("greeting".to_owned(), sampling("Generate a greeting", 50)?);
    }
    if declared.roots.is_some() {
        requests.insert("client_roots".to_owned(), roots()?);
    }
    if requests.is_empty() || requests.keys().all(|key| call.answer(key).is_some()) {
        return text_result(format!("answered: {}", requests.len()));
    }
    Ok(InputRequiredResult::from_input_requests(requests).into())
}

/// Returns a result that asks one question.
fn question(key: &str, request: InputRequest, state: Option<String>) -> ToolResult {
    Ok(InputRequiredResult::new(Some(InputRequests::from([(key.to_owned(), request)])), state).into())
}

fn seal(call: &Call<'_>, name: &str, state: &str) -> String {
    call.state
        .request_states
        .seal_with(state.as_bytes(), &bound_to(name))
}

fn open_state(call: &Call<'_>, name: &str) -> Result<Option<String>, ErrorData> {
    let Some(sealed) = call.request.request_state.as_deref() else {
        return Ok(None);
    };
    let opened = call
        .state
        .request_states
        .open_with(sealed, name.as_bytes())
        .map_err(|error| invalid_state(&error))?;
    Ok(Some(String::from_utf8_lossy(&opened).into_owned()))
}
