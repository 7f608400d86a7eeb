//! `backend.kind: mock` as it is written.

use super::binding::ObjectSchema;
use super::tagged::{self, Variant};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Answers with what the configuration says; for demonstrations and tests.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawMock {
    /// The answer, with `${arguments.x}` filled in: a text, or for tools a list of content blocks. Default: an empty text.
    #[serde(default)]
    pub(crate) content: RawContent,
    /// Marks the answer of a tool as a failure. Default: false.
    #[serde(default)]
    pub(crate) is_error: bool,
    /// How long the answer takes, in milliseconds. Default: 0. Range: 0..=3600000.
    #[serde(default)]
    #[schemars(range(min = 0, max = 3_600_000))]
    pub(crate) delay_ms: u64,
    /// How many progress notifications are spread over the delay. Default: 0. Range: 0..=10000.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10_000))]
    pub(crate) progress_steps: u32,
    /// Asks the user before it answers. Default: asks nothing.
    pub(crate) ask: Option<RawAsk>,
}

/// A question to the user.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAsk {
    /// The question, with `${arguments.x}` filled in. Required.
    #[schemars(length(min = 1))]
    pub(crate) message: String,
    /// The JSON Schema of the answer: an object of texts, numbers, booleans and choices. Default: no fields, only a yes or no.
    pub(crate) schema: Option<ObjectSchema>,
}

/// A text or a list of content blocks.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum RawContent {
    Text(String),
    Blocks(Vec<Map<String, Value>>),
}

impl Default for RawContent {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl JsonSchema for RawContent {
    fn schema_name() -> Cow<'static, str> {
        "Content".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "array"],
            "items": block_schema(),
        })
    }
}

/// The blocks of the protocol. Keys that are not listed are the protocol's matter and pass through.
fn block_schema() -> Schema {
    let text = || json_schema!({ "type": "string" });
    let variant = |name, keys: &[&str]| {
        let properties: Map<String, Value> = keys
            .iter()
            .map(|key| ((*key).to_owned(), text().to_value()))
            .collect();
        Variant {
            name,
            schema: json_schema!({ "type": "object", "properties": properties, "required": keys }),
        }
    };
    tagged::schema(
        "type",
        "What sort of content block it is. Required.",
        vec![
            variant("text", &["text"]),
            variant("image", &["data", "mimeType"]),
            variant("audio", &["data", "mimeType"]),
            variant("resource_link", &["uri", "name"]),
            Variant {
                name: "resource",
                schema: json_schema!({
                    "type": "object",
                    "properties": {
                        "resource": {
                            "type": "object",
                            "properties": { "uri": text() },
                            "required": ["uri"],
                        },
                    },
                    "required": ["resource"],
                }),
            },
        ],
    )
}
