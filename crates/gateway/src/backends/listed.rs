//! The gateway's own things as clients see them in lists.

use mcpg_config::app::{Capabilities, JsonSchema, Prompt, Resource, ResourceTemplate, Tool};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use crate::router::Kind;

/// A thing as clients see it in a list.
#[derive(Debug)]
pub(crate) struct Listed {
    /// Its name, URI or URI template.
    pub(crate) identity: String,
    /// The list item.
    pub(crate) raw: Box<RawValue>,
}

/// The list items of all kinds, each in file order.
#[derive(Debug)]
pub(super) struct Lists {
    tools: Vec<Listed>,
    prompts: Vec<Listed>,
    resources: Vec<Listed>,
    resource_templates: Vec<Listed>,
}

impl Lists {
    pub(super) fn new(capabilities: &Capabilities) -> Self {
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
        }
    }

    /// The list items of one kind.
    pub(super) fn of(&self, kind: Kind) -> &[Listed] {
        match kind {
            Kind::Tools => &self.tools,
            Kind::Prompts => &self.prompts,
            Kind::Resources => &self.resources,
            Kind::ResourceTemplates => &self.resource_templates,
        }
    }
}

fn tool_item(tool: &Tool) -> Value {
    let mut item = object(json!({ "name": tool.name }));
    put(&mut item, "title", tool.title.as_ref());
    put(&mut item, "description", tool.description.as_ref());
    put(&mut item, "inputSchema", Some(tool.input_schema.document()));
    put(
        &mut item,
        "outputSchema",
        tool.output_schema.as_ref().map(JsonSchema::document),
    );
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
