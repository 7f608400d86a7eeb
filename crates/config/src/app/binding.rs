//! What the gateway offers from its own backends.

use super::{Command, Http, JsonSchema, Mock};

/// The `mcp.capabilities` block.
#[derive(Debug, Clone, Default)]
pub struct Capabilities {
    /// Tools in file order; their names are unique.
    pub tools: Vec<Tool>,
    /// Prompts in file order; their names are unique.
    pub prompts: Vec<Prompt>,
    /// Resources in file order; their URIs are unique.
    pub resources: Vec<Resource>,
    /// Resource templates in file order; their URI templates are unique.
    pub resource_templates: Vec<ResourceTemplate>,
}

/// A tool of the gateway itself.
#[derive(Debug, Clone)]
pub struct Tool {
    /// The name that clients call.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What the tool does, for the model.
    pub description: Option<String>,
    /// The JSON Schema of the arguments; an object schema.
    pub input_schema: JsonSchema,
    /// The JSON Schema of the structured result.
    pub output_schema: Option<JsonSchema>,
    /// Hints about what a call does.
    pub annotations: ToolAnnotations,
    /// Who answers.
    pub backend: Backend,
}

/// Hints about what a call of a tool does; what is absent is not sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ToolAnnotations {
    /// The tool changes nothing (`readOnlyHint`).
    pub read_only: Option<bool>,
    /// A second equal call changes nothing more (`idempotentHint`).
    pub idempotent: Option<bool>,
    /// The tool may destroy something (`destructiveHint`).
    pub destructive: Option<bool>,
    /// The tool reaches out to an open world (`openWorldHint`).
    pub open_world: Option<bool>,
}

/// A prompt of the gateway itself.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// The name that clients get it by.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What the prompt is for.
    pub description: Option<String>,
    /// The arguments in file order; their names are unique.
    pub arguments: Vec<PromptArgument>,
    /// Who answers.
    pub backend: Backend,
}

/// An argument of a prompt.
#[derive(Debug, Clone)]
pub struct PromptArgument {
    /// The name of the argument.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What the argument means.
    pub description: Option<String>,
    /// Whether a client must send it.
    pub required: bool,
}

/// A resource of the gateway itself.
#[derive(Debug, Clone)]
pub struct Resource {
    /// The URI that clients read.
    pub uri: String,
    /// The programmatic name; the URI when the configuration gives none.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What the resource holds.
    pub description: Option<String>,
    /// The media type of the content.
    pub mime_type: Option<String>,
    /// Who answers.
    pub backend: Backend,
}

/// A family of resources, named by a URI template (RFC 6570).
#[derive(Debug, Clone)]
pub struct ResourceTemplate {
    /// The template, as in `notes://{id}`.
    pub uri_template: String,
    /// The programmatic name; the template when the configuration gives none.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What the resources hold.
    pub description: Option<String>,
    /// The media type of the content, when all have the same.
    pub mime_type: Option<String>,
    /// Who answers; the template's variables are its arguments.
    pub backend: Backend,
}

/// Who answers a binding, chosen by `backend.kind`.
#[derive(Debug, Clone)]
pub enum Backend {
    /// `kind: mock`: the configuration itself.
    Mock(Mock),
    /// `kind: http`: a web server.
    Http(Box<Http>),
    /// `kind: command`: a program.
    Command(Box<Command>),
}
