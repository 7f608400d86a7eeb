//! The prompts; their texts are those the conformance suite expects.

use rmcp::{
    ErrorData,
    model::{GetPromptRequestParams, GetPromptResponse, GetPromptResult, InputRequests, InputRequiredResult},
};
use serde_json::{Value, json};

use crate::{
    call::{find_answer, internal},
    state::State,
    tools::{IMAGE, elicitation, form},
};

/// Returns the messages of a prompt.
pub(crate) fn get(state: &State, request: &GetPromptRequestParams) -> Result<GetPromptResponse, ErrorData> {
    let messages = match request.name.as_str() {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => {
            let (first, second) = (argument(request, "arg1")?, argument(request, "arg2")?);
            vec![text(&format!(
                "Prompt with arguments: arg1='{first}', arg2='{second}'"
            ))]
        }
        "test_prompt_with_embedded_resource" => embedded(argument(request, "resourceUri")?),
        "test_prompt_with_image" => vec![
            message(&json!({ "type": "image", "data": IMAGE, "mimeType": "image/png" })),
            text("Please analyze the image above."),
        ],
        "test_input_required_result_prompt" => match context(request) {
            Some(context) => vec![text(&format!("Prompt with context: {context}"))],
            None => return context_question(),
        },
        name if state.catalogue.has_prompt(name) => vec![text("This prompt was added while the server ran.")],
        name => {
            return Err(ErrorData::invalid_params(
                format!("unknown prompt {name:?}"),
                None,
            ));
        }
    };
    let result: GetPromptResult =
        serde_json::from_value(json!({ "resultType": "complete", "messages": messages }))
            .map_err(internal)?;
    Ok(result.into())
}

fn embedded(uri: &str) -> Vec<Value> {
    let text_resource =
        json!({ "uri": uri, "mimeType": "text/plain", "text": "Embedded resource content for testing." });
    vec![
        message(&json!({ "type": "resource", "resource": text_resource })),
        text("Please process the embedded resource above."),
    ]
}

fn context(request: &GetPromptRequestParams) -> Option<&str> {
    find_answer(request.input_responses.as_ref(), "user_context")?
        .get("content")?
        .get("context")?
        .as_str()
}

fn context_question() -> Result<GetPromptResponse, ErrorData> {
    let request = elicitation("What context should the prompt use?", &form("context", "string"))?;
    let requests = InputRequests::from([("user_context".to_owned(), request)]);
    Ok(InputRequiredResult::from_input_requests(requests).into())
}

fn argument<'a>(request: &'a GetPromptRequestParams, name: &str) -> Result<&'a str, ErrorData> {
    let arguments = request.arguments.as_ref();
    let value = arguments
        .and_then(|arguments| arguments.get(name))
        .and_then(Value::as_str);
    value.ok_or_else(|| ErrorData::invalid_params(format!("argument {name:?} must be a string"), None))
}

fn text(text: &str) -> Value {
    message(&json!({ "type": "text", "text": text }))
}

fn message(content: &Value) -> Value {
    json!({ "role": "user", "content": content })
}
