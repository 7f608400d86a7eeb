//! The rules of `mcp.capabilities`.

use super::{Checker, json_schema, uri_template};
use crate::app::{
    Ask, Backend, Capabilities, Mock, MockContent, Prompt, PromptArgument, Resource, ResourceTemplate, Tool,
    ToolAnnotations,
};
use crate::path::Path;
use crate::raw::binding::{
    ObjectSchema, RawBackend, RawCapabilities, RawPrompt, RawPromptArgument, RawResource,
    RawResourceTemplate, RawTool,
};
use crate::raw::mock::{RawContent, RawMock};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use url::Url;

pub(super) fn validate(raw: RawCapabilities, checker: &mut Checker<'_>) -> Capabilities {
    let block = Path::of_keys("mcp.capabilities");
    let tools = block.key("tools");
    checker.unique("tool name", places(&raw.tools, &tools, "name", |tool| &tool.name));
    let prompts = block.key("prompts");
    checker.unique(
        "prompt name",
        places(&raw.prompts, &prompts, "name", |prompt| &prompt.name),
    );
    let templates = block.key("resource_templates");
    let names = places(&raw.resource_templates, &templates, "uri_template", |template| {
        &template.uri_template
    });
    checker.unique("URI template", names);
    Capabilities {
        tools: each(raw.tools, &tools, |raw, path| tool(raw, path, checker)),
        prompts: each(raw.prompts, &prompts, |raw, path| prompt(raw, path, checker)),
        resources: resources(raw.resources, &block.key("resources"), checker),
        resource_templates: each(raw.resource_templates, &templates, |raw, path| {
            template(raw, path, checker)
        }),
    }
}

fn places<'r, R>(
    list: &'r [R],
    path: &'r Path,
    key: &'r str,
    name: impl Fn(&'r R) -> &'r String + 'r,
) -> impl Iterator<Item = (Path, &'r str)> {
    list.iter()
        .enumerate()
        .map(move |(index, raw)| (path.index(index).key(key), name(raw).as_str()))
}

fn each<R, T>(list: Vec<R>, path: &Path, mut turn: impl FnMut(R, &Path) -> T) -> Vec<T> {
    list.into_iter()
        .enumerate()
        .map(|(index, raw)| turn(raw, &path.index(index)))
        .collect()
}

fn tool(raw: RawTool, path: &Path, checker: &mut Checker<'_>) -> Tool {
    let mut schema = |schema: Option<ObjectSchema>, key: &str| {
        let schema = Value::Object(schema?.0);
        json_schema::check(&schema, &path.key(key), checker);
        Some(schema)
    };
    let input_schema =
        schema(raw.input_schema, "input_schema").unwrap_or_else(|| json!({ "type": "object" }));
    let output_schema = schema(raw.output_schema, "output_schema");
    let RawBackend::Mock(raw_mock) = raw.backend;
    Tool {
        name: raw.name,
        title: raw.title,
        description: raw.description,
        input_schema,
        output_schema,
        annotations: ToolAnnotations {
            read_only: raw.annotations.read_only_hint,
            idempotent: raw.annotations.idempotent_hint,
            destructive: raw.annotations.destructive_hint,
            open_world: raw.annotations.open_world_hint,
        },
        backend: Backend::Mock(mock(raw_mock, &path.key("backend"), checker)),
    }
}

fn prompt(raw: RawPrompt, path: &Path, checker: &mut Checker<'_>) -> Prompt {
    let arguments = path.key("arguments");
    checker.unique(
        "argument name",
        places(&raw.arguments, &arguments, "name", |argument| &argument.name),
    );
    Prompt {
        name: raw.name,
        title: raw.title,
        description: raw.description,
        arguments: raw.arguments.into_iter().map(argument).collect(),
        backend: text_backend(raw.backend, &path.key("backend"), checker),
    }
}

fn argument(raw: RawPromptArgument) -> PromptArgument {
    PromptArgument {
        name: raw.name,
        title: raw.title,
        description: raw.description,
        required: raw.required,
    }
}

/// Of two equal URIs the first wins: to a client both would be the same resource.
fn resources(list: Vec<RawResource>, path: &Path, checker: &mut Checker<'_>) -> Vec<Resource> {
    let mut known: HashMap<String, Path> = HashMap::new();
    let mut resources = Vec::with_capacity(list.len());
    for (index, raw) in list.into_iter().enumerate() {
        let path = path.index(index);
        let uri = path.key("uri");
        if let Err(error) = Url::parse(&raw.uri) {
            checker.invalid(
                &uri,
                format!("not a URI: {error}"),
                "an absolute URI, as in `demo://greeting`",
            );
        }
        let resource = resource(raw, &path, checker);
        if let Some(first) = known.get(&resource.uri) {
            let message = format!(
                "the resource is never read: the same URI stands at {}",
                checker.place(first)
            );
            checker.warn(&uri, message, "leave one of the two out");
            continue;
        }
        known.insert(resource.uri.clone(), uri);
        resources.push(resource);
    }
    resources
}

fn resource(raw: RawResource, path: &Path, checker: &mut Checker<'_>) -> Resource {
    Resource {
        name: raw.name.unwrap_or_else(|| raw.uri.clone()),
        uri: raw.uri,
        title: raw.title,
        description: raw.description,
        mime_type: raw.mime_type,
        backend: text_backend(raw.backend, &path.key("backend"), checker),
    }
}

fn template(raw: RawResourceTemplate, path: &Path, checker: &mut Checker<'_>) -> ResourceTemplate {
    if let Err(reason) = uri_template::check(&raw.uri_template) {
        let message = format!("not a URI template: {reason}");
        checker.invalid(
            &path.key("uri_template"),
            message,
            "a URI with variables, as in `notes://{id}`",
        );
    }
    ResourceTemplate {
        name: raw.name.unwrap_or_else(|| raw.uri_template.clone()),
        uri_template: raw.uri_template,
        title: raw.title,
        description: raw.description,
        mime_type: raw.mime_type,
        backend: text_backend(raw.backend, &path.key("backend"), checker),
    }
}

/// The backend of a binding whose answer is a text and cannot be a failure.
fn text_backend(raw: RawBackend, path: &Path, checker: &mut Checker<'_>) -> Backend {
    let RawBackend::Mock(raw) = raw;
    if matches!(raw.content, RawContent::Blocks(_)) {
        checker.invalid(
            &path.key("content"),
            "content blocks are for tools only",
            "a text",
        );
    }
    if raw.is_error {
        checker.invalid(
            &path.key("is_error"),
            "only the answer of a tool can be a failure",
            "`false`",
        );
    }
    Backend::Mock(mock(raw, path, checker))
}

fn mock(raw: RawMock, path: &Path, checker: &mut Checker<'_>) -> Mock {
    let ask = raw.ask.map(|raw| {
        let schema = raw.schema.map_or_else(
            || json!({ "type": "object", "properties": {} }),
            |schema| Value::Object(schema.0),
        );
        let path = path.key("ask").key("schema");
        json_schema::check(&schema, &path, checker);
        json_schema::check_form(&schema, &path, checker);
        Ask {
            message: raw.message,
            schema,
        }
    });
    Mock {
        content: match raw.content {
            RawContent::Text(text) => MockContent::Text(text),
            RawContent::Blocks(blocks) => {
                MockContent::Blocks(blocks.into_iter().map(Value::Object).collect())
            }
        },
        is_error: raw.is_error,
        delay: Duration::from_millis(raw.delay_ms),
        progress_steps: raw.progress_steps,
        ask,
    }
}
