//! What a backend gives back, in the words of the protocol.

use mcpg_config::app::JsonSchema;
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::version::Era;
use serde_json::value::to_raw_value;
use serde_json::{Map, Value, json};

use crate::exchange::{Caller, Outcome};

/// Said beside a text that was not UTF-8.
const LOSSY: &str = "The output is not valid UTF-8; what could not be read is shown as \u{fffd}.";

/// What a backend gives back.
#[derive(Debug, PartialEq)]
pub(super) struct Reply {
    pub(super) content: Content,
    /// The text has lost bytes that were not UTF-8.
    pub(super) is_lossy: bool,
}

/// The two forms of a reply.
#[derive(Debug, PartialEq)]
pub(super) enum Content {
    Text(String),
    Json(Value),
}

/// Why a backend gives nothing back. The messages are for the caller.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BackendError {
    /// The arguments cannot be used.
    Refused(String),
    /// The backend tried and failed.
    Failed(String),
    /// The gateway has no room for this call; nothing was done.
    Overloaded(String),
}

/// What a resource result says of its content.
pub(super) struct About<'a> {
    pub(super) uri: &'a str,
    pub(super) mime_type: Option<&'a str>,
}

impl Reply {
    /// Takes bytes that should be UTF-8.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        Self {
            is_lossy: matches!(text, std::borrow::Cow::Owned(_)),
            content: Content::Text(text.into_owned()),
        }
    }

    /// Takes a value that is a result already.
    pub(super) fn from_value(value: Value) -> Self {
        let content = match value {
            Value::String(text) => Content::Text(text),
            value => Content::Json(value),
        };
        Self {
            content,
            is_lossy: false,
        }
    }

    fn into_text(self) -> String {
        match self.content {
            Content::Text(text) => text,
            Content::Json(value) => value.to_string(),
        }
    }
}

/// The result of a tool. A failure is a result too, so that the model learns of it.
pub(super) fn tool(
    reply: Result<Reply, BackendError>,
    output_schema: Option<&JsonSchema>,
    caller: &Caller,
) -> Outcome {
    match (reply, output_schema) {
        (Ok(reply), Some(schema)) => structured(reply, schema, caller),
        (Ok(reply), None) => {
            let mut content = Vec::with_capacity(1);
            let is_lossy = reply.is_lossy;
            content.push(text_block(&reply.into_text()));
            if is_lossy {
                content.push(text_block(LOSSY));
            }
            finish(
                caller,
                Map::from_iter([("content".to_owned(), Value::Array(content))]),
            )
        }
        (Err(BackendError::Overloaded(why)), _) => Err(ErrorObject::overloaded(why).into()),
        (Err(BackendError::Refused(why) | BackendError::Failed(why)), _) => failed(&why, caller),
    }
}

/// The result of a tool that failed.
pub(super) fn failed(why: &str, caller: &Caller) -> Outcome {
    let content = Value::Array(vec![text_block(why)]);
    let result = [
        ("content".to_owned(), content),
        ("isError".to_owned(), Value::Bool(true)),
    ];
    finish(caller, Map::from_iter(result))
}

/// The result of a tool that promises a structure.
fn structured(reply: Reply, schema: &JsonSchema, caller: &Caller) -> Outcome {
    let value = match reply.content {
        Content::Json(value) => value,
        Content::Text(text) => match serde_json::from_str(&text) {
            Ok(value) => value,
            Err(_) => {
                return failed(
                    "the result is no JSON, which the output schema of the tool promises",
                    caller,
                );
            }
        },
    };
    if let Err(violations) = schema.check(&value) {
        let why = listed(
            "the result does not fit the output schema of the tool",
            &violations,
        );
        return failed(&why, caller);
    }
    let content = Value::Array(vec![text_block(&value.to_string())]);
    let mut result = Map::from_iter([("content".to_owned(), content)]);
    if caller.version.has_structured_content() {
        result.insert("structuredContent".to_owned(), value);
    }
    finish(caller, result)
}

/// The result of a prompt: one message of the user.
pub(super) fn prompt(
    reply: Result<Reply, BackendError>,
    description: Option<&str>,
    caller: &Caller,
) -> Outcome {
    let text = reply.map_err(error)?.into_text();
    let message = json!({ "role": "user", "content": { "type": "text", "text": text } });
    let mut result = Map::new();
    if let Some(description) = description {
        result.insert("description".to_owned(), Value::from(description));
    }
    result.insert("messages".to_owned(), Value::Array(vec![message]));
    finish(caller, result)
}

/// The content of a resource.
pub(super) fn resource(reply: Result<Reply, BackendError>, about: &About<'_>, caller: &Caller) -> Outcome {
    let text = reply.map_err(error)?.into_text();
    let mut item = Map::new();
    item.insert("uri".to_owned(), Value::from(about.uri));
    if let Some(mime_type) = about.mime_type {
        item.insert("mimeType".to_owned(), Value::from(mime_type));
    }
    item.insert("text".to_owned(), Value::from(text));
    let mut result = Map::new();
    result.insert("contents".to_owned(), Value::Array(vec![Value::Object(item)]));
    if caller.version.era() == Era::Modern {
        result.insert("ttlMs".to_owned(), Value::from(0));
        result.insert("cacheScope".to_owned(), Value::from("private"));
    }
    finish(caller, result)
}

/// Adds what every result of an era has.
pub(super) fn finish(caller: &Caller, mut result: Map<String, Value>) -> Outcome {
    if caller.version.era() == Era::Modern {
        result.insert("resultType".to_owned(), Value::from("complete"));
    }
    to_raw_value(&result).map_err(|error| ErrorObject::internal(error).into())
}

/// A sentence and what belongs to it, one below the other.
pub(super) fn listed(sentence: &str, items: &[String]) -> String {
    let mut text = format!("{sentence}:");
    for item in items {
        text.push_str("\n- ");
        text.push_str(item);
    }
    text
}

/// Prompts and resources have no results that are failures.
fn error(error: BackendError) -> ErrorObject {
    match error {
        BackendError::Refused(why) => ErrorObject::invalid_params(why),
        BackendError::Failed(why) => ErrorObject::internal_with_reason("backend_failed", why),
        BackendError::Overloaded(why) => ErrorObject::overloaded(why),
    }
}

fn text_block(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}
