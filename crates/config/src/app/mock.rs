//! The backend that answers from the configuration itself.

use serde_json::Value;
use std::time::Duration;

/// A backend that answers with what the configuration says; for demonstrations and tests.
#[derive(Debug, Clone)]
pub struct Mock {
    /// The answer, with `${arguments.x}` still in it.
    pub content: MockContent,
    /// Whether the answer of a tool is marked as a failure. Always false outside tools.
    pub is_error: bool,
    /// How long the answer takes.
    pub delay: Duration,
    /// How many progress notifications are spread over the delay.
    pub progress_steps: u32,
    /// What the user is asked before the answer.
    pub ask: Option<Ask>,
}

/// What a mock answers with.
#[derive(Debug, Clone, PartialEq)]
pub enum MockContent {
    /// One text: a text block of a tool, a user message of a prompt, the text of a resource.
    Text(String),
    /// Content blocks as the protocol writes them (tools only); each is an object with a `type`.
    Blocks(Vec<Value>),
}

/// A question to the user (an elicitation in form mode).
#[derive(Debug, Clone)]
pub struct Ask {
    /// The question, with `${arguments.x}` still in it.
    pub message: String,
    /// The JSON Schema of the answer; an object.
    pub schema: Value,
}
