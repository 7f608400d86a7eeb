//! The gateway's own tools, prompts, resources and resource templates.

use mcpg_config::app::{Backend, Capabilities, Prompt, Resource, ResourceTemplate, Tool};
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::uri_template::UriTemplate;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use super::mock;
use crate::exchange::{Caller, Outcome};
use crate::router::Kind;

/// A thing as clients see it in a list.
#[derive(Debug)]
pub(crate) struct Listed {
    /// Its name, URI or URI template.
    pub(crate) identity: String,
    /// The list item.
    pub(crate) raw: Box<RawValue>,
}

/// Everything that `mcp.capabilities` defines, with its backends.
#[derive(Debug)]
pub(crate) struct OwnBindings {
    capabilities: Capabilities,
    templates: Vec<UriTemplate>,
    tools: Vec<Listed>,
    prompts: Vec<Listed>,
    resources: Vec<Listed>,
    resource_templates: Vec<Listed>,
}

impl OwnBindings {
    /// Prepares the bindings of a validated configuration.
    pub(crate) fn new(capabilities: Capabilities) -> Self {
        let listed = |identity: &str, item: Value| Listed {
            identity: identity.to_owned(),
            raw: raw(&item),
        };
        Self {
            tools: capabilities
                .tools
                .iter()
                .map(|tool| listed(&tool.name, tool_item(tool)))
                .collect(),
            prompts: capabilities
                .prompts
                .iter()
                .map(|prompt| listed(&prompt.name, prompt_item(prompt)))
                .collect(),
            resources: capabilities
                .resources
                .iter()
                .map(|resource| listed(&resource.uri, resource_item(resource)))
                .collect(),
            resource_templates: capabilities
                .resource_templates
                .iter()
                .map(|template| listed(&template.uri_template, template_item(template)))
                .collect(),
            templates: capabilities
                .resource_templates
                .iter()
                .filter_map(|template| UriTemplate::parse(&template.uri_template).ok())
                .collect(),
            capabilities,
        }
    }

    /// The list items of one kind, in file order.
    pub(crate) fn listed(&self, kind: Kind) -> &[Listed] {
        match kind {
            Kind::Tools => &self.tools,
            Kind::Prompts => &self.prompts,
            Kind::Resources => &self.resources,
            Kind::ResourceTemplates => &self.resource_templates,
        }
    }

    /// Executes a tool.
    pub(crate) async fn call_tool(&self, at: usize, params: &RawValue, caller: &Caller) -> Outcome {
        let tool = &self.capabilities.tools[at];
        let params = Params::read(params)?;
        let Backend::Mock(mock) = &tool.backend;
        mock::call_tool(mock, &params, caller).await
    }

    /// Gets a prompt.
    pub(crate) async fn get_prompt(&self, at: usize, params: &RawValue, caller: &Caller) -> Outcome {
        let prompt = &self.capabilities.prompts[at];
        let params = Params::read(params)?;
        for argument in prompt.arguments.iter().filter(|argument| argument.required) {
            if !params.arguments.contains_key(&argument.name) {
                let why = format!("prompt {} needs the argument {}", prompt.name, argument.name);
                return Err(ErrorObject::invalid_params(why).into());
            }
        }
        let Backend::Mock(mock) = &prompt.backend;
        mock::get_prompt(mock, prompt.description.as_deref(), &params, caller).await
    }

    /// Reads a resource.
    pub(crate) async fn read_resource(&self, at: usize, params: &RawValue, caller: &Caller) -> Outcome {
        let resource = &self.capabilities.resources[at];
        let params = Params::read(params)?;
        let Backend::Mock(mock) = &resource.backend;
        let content = mock::Content {
            uri: &resource.uri,
            mime_type: resource.mime_type.as_deref(),
        };
        mock::read_resource(mock, &content, &params, caller).await
    }

    /// Reads what a template names: the variables of the URI are the arguments.
    pub(crate) async fn read_template(
        &self,
        at: usize,
        uri: &str,
        params: &RawValue,
        caller: &Caller,
    ) -> Outcome {
        let template = &self.capabilities.resource_templates[at];
        let mut params = Params::read(params)?;
        let variables = self
            .templates
            .get(at)
            .and_then(|template| template.captures(uri))
            .unwrap_or_default();
        params.arguments = variables
            .into_iter()
            .map(|(name, value)| (name, Value::from(value)))
            .collect();
        let Backend::Mock(mock) = &template.backend;
        let content = mock::Content {
            uri,
            mime_type: template.mime_type.as_deref(),
        };
        mock::read_resource(mock, &content, &params, caller).await
    }
}

/// What a backend reads of the params of a request.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Params {
    #[serde(default)]
    pub(super) arguments: Map<String, Value>,
    /// Answers to questions of an earlier round (modern era).
    #[serde(default)]
    pub(super) input_responses: Map<String, Value>,
}

impl Params {
    fn read(params: &RawValue) -> Result<Self, ErrorObject> {
        serde_json::from_str(params.get()).map_err(ErrorObject::invalid_params)
    }
}

fn tool_item(tool: &Tool) -> Value {
    let mut item = object(json!({ "name": tool.name }));
    put(&mut item, "title", tool.title.as_ref());
    put(&mut item, "description", tool.description.as_ref());
    put(&mut item, "inputSchema", Some(&tool.input_schema));
    put(&mut item, "outputSchema", tool.output_schema.as_ref());
    let mut hints = Map::new();
    put(&mut hints, "readOnlyHint", tool.annotations.read_only.as_ref());
    put(&mut hints, "idempotentHint", tool.annotations.idempotent.as_ref());
    put(
        &mut hints,
        "destructiveHint",
        tool.annotations.destructive.as_ref(),
    );
    put(&mut hints, "openWorldHint", tool.annotations.open_world.as_ref());
    if !hints.is_empty() {
        item.insert("annotations".to_owned(), Value::Object(hints));
    }
    Value::Object(item)
}

fn prompt_item(prompt: &Prompt) -> Value {
    let mut item = object(json!({ "name": prompt.name }));
    put(&mut item, "title", prompt.title.as_ref());
    put(&mut item, "description", prompt.description.as_ref());
    let arguments: Vec<Value> = prompt
        .arguments
        .iter()
        .map(|argument| {
            let mut entry = object(json!({ "name": argument.name }));
            put(&mut entry, "title", argument.title.as_ref());
            put(&mut entry, "description", argument.description.as_ref());
            entry.insert("required".to_owned(), Value::Bool(argument.required));
            Value::Object(entry)
        })
        .collect();
    if !arguments.is_empty() {
        item.insert("arguments".to_owned(), Value::Array(arguments));
    }
    Value::Object(item)
}

fn resource_item(resource: &Resource) -> Value {
    let mut item = object(json!({ "uri": resource.uri, "name": resource.name }));
    put(&mut item, "title", resource.title.as_ref());
    put(&mut item, "description", resource.description.as_ref());
    put(&mut item, "mimeType", resource.mime_type.as_ref());
    Value::Object(item)
}

fn template_item(template: &ResourceTemplate) -> Value {
    let mut item = object(json!({ "uriTemplate": template.uri_template, "name": template.name }));
    put(&mut item, "title", template.title.as_ref());
    put(&mut item, "description", template.description.as_ref());
    put(&mut item, "mimeType", template.mime_type.as_ref());
    Value::Object(item)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Adds a member only when it is there: an absent optional field is never `null`.
fn put<T: Serialize>(item: &mut Map<String, Value>, name: &str, value: Option<&T>) {
    if let Some(value) = value {
        item.insert(name.to_owned(), json!(value));
    }
}

fn raw(value: &Value) -> Box<RawValue> {
    to_raw_value(value).expect("a JSON value is always written as JSON")
}
