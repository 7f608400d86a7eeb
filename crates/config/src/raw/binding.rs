//! The `mcp.capabilities` block as it is written.

use super::command::RawCommand;
use super::http_backend::RawHttp;
use super::mock::RawMock;
use super::tagged::{self, Variant};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// What the gateway offers from its own backends.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawCapabilities {
    /// Tools of the gateway itself. Default: none.
    pub(crate) tools: Vec<RawTool>,
    /// Prompts of the gateway itself. Default: none.
    pub(crate) prompts: Vec<RawPrompt>,
    /// Resources of the gateway itself. Default: none.
    pub(crate) resources: Vec<RawResource>,
    /// Families of resources of the gateway itself. Default: none.
    pub(crate) resource_templates: Vec<RawResourceTemplate>,
}

/// A tool of the gateway itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTool {
    /// The unique name that clients call: 1 to 64 of A-Z, a-z, 0-9, `_`, `.`, `/` and `-`. Required.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_./-]{1,64}$"))]
    pub(crate) name: String,
    /// A name for people. Default: none.
    pub(crate) title: Option<String>,
    /// What the tool does, for the model. Default: none.
    pub(crate) description: Option<String>,
    /// The JSON Schema of the arguments. Default: {type: object}.
    pub(crate) input_schema: Option<ObjectSchema>,
    /// The JSON Schema of the structured result. Default: none.
    pub(crate) output_schema: Option<ObjectSchema>,
    /// Hints about what a call does, passed on to clients. Default: none.
    #[serde(default)]
    pub(crate) annotations: RawAnnotations,
    /// Who answers. Required.
    pub(crate) backend: RawBackend,
}

/// Hints about what a call does.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(crate) struct RawAnnotations {
    /// The tool changes nothing. Default: not said.
    pub(crate) read_only_hint: Option<bool>,
    /// A second call with the same arguments changes nothing more. Default: not said.
    pub(crate) idempotent_hint: Option<bool>,
    /// The tool may destroy something. Default: not said.
    pub(crate) destructive_hint: Option<bool>,
    /// The tool reaches out to an open world, such as the web. Default: not said.
    pub(crate) open_world_hint: Option<bool>,
}

/// A prompt of the gateway itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPrompt {
    /// The unique name that clients get the prompt by: 1 to 128 characters. Required.
    #[schemars(length(min = 1, max = 128))]
    pub(crate) name: String,
    /// A name for people. Default: none.
    pub(crate) title: Option<String>,
    /// What the prompt is for. Default: none.
    pub(crate) description: Option<String>,
    /// The arguments that clients may fill in. Default: none.
    #[serde(default)]
    pub(crate) arguments: Vec<RawPromptArgument>,
    /// Who answers. Required.
    pub(crate) backend: RawBackend,
}

/// An argument of a prompt.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPromptArgument {
    /// The unique name of the argument: 1 to 128 characters. Required.
    #[schemars(length(min = 1, max = 128))]
    pub(crate) name: String,
    /// A name for people. Default: none.
    pub(crate) title: Option<String>,
    /// What the argument means. Default: none.
    pub(crate) description: Option<String>,
    /// Whether a client must send it. Default: false.
    #[serde(default)]
    pub(crate) required: bool,
}

/// A resource of the gateway itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawResource {
    /// The absolute URI that clients read. Required.
    #[schemars(extend("examples" = ["demo://greeting"]))]
    pub(crate) uri: String,
    /// A name for programs. Default: the URI.
    #[schemars(length(min = 1))]
    pub(crate) name: Option<String>,
    /// A name for people. Default: none.
    pub(crate) title: Option<String>,
    /// What the resource holds. Default: none.
    pub(crate) description: Option<String>,
    /// The media type of the content, as in `text/plain`. Default: none.
    #[schemars(regex(pattern = r"^[^\s/;]+/[^\s/;]+(;.*)?$"))]
    pub(crate) mime_type: Option<String>,
    /// Who answers. Required.
    pub(crate) backend: RawBackend,
}

/// A family of resources of the gateway itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawResourceTemplate {
    /// The URI template (RFC 6570) with at least one variable, as in `notes://{id}`. Required.
    #[schemars(extend("examples" = ["notes://{id}"]))]
    pub(crate) uri_template: String,
    /// A name for programs. Default: the template.
    #[schemars(length(min = 1))]
    pub(crate) name: Option<String>,
    /// A name for people. Default: none.
    pub(crate) title: Option<String>,
    /// What the resources hold. Default: none.
    pub(crate) description: Option<String>,
    /// The media type of the content, when all have the same. Default: none.
    #[schemars(regex(pattern = r"^[^\s/;]+/[^\s/;]+(;.*)?$"))]
    pub(crate) mime_type: Option<String>,
    /// Who answers; the variables of the template are its arguments. Required.
    pub(crate) backend: RawBackend,
}

/// Who answers, chosen by `kind`.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum RawBackend {
    Mock(RawMock),
    Http(Box<RawHttp>),
    Command(RawCommand),
}

impl JsonSchema for RawBackend {
    fn schema_name() -> Cow<'static, str> {
        "Backend".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        tagged::schema(
            "kind",
            "Who answers: `mock` (the configuration itself), `http` (a web server) or `command` (a program). Required.",
            vec![
                Variant {
                    name: "mock",
                    schema: RawMock::json_schema(generator),
                },
                Variant {
                    name: "http",
                    schema: RawHttp::json_schema(generator),
                },
                Variant {
                    name: "command",
                    schema: RawCommand::json_schema(generator),
                },
            ],
        )
    }
}

/// A JSON Schema whose instances are objects.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct ObjectSchema(pub(crate) Map<String, Value>);

impl JsonSchema for ObjectSchema {
    fn schema_name() -> Cow<'static, str> {
        "ObjectSchema".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "required": ["type"],
            "properties": { "type": { "enum": ["object"] } },
        })
    }
}
