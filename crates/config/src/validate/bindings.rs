//! The rules of `mcp.capabilities`.

use super::templates::Scope;
use super::{Checker, backends, json_schema, uri_template};
use crate::app::{Capabilities, Prompt, PromptArgument, Resource, ResourceTemplate, Tool, ToolAnnotations};
use crate::path::Path;
use crate::raw::binding::{
    ObjectSchema, RawCapabilities, RawPrompt, RawPromptArgument, RawResource, RawResourceTemplate, RawTool,
};
use serde_json::{Map, Value};
use std::collections::HashMap;
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

fn each<R, T>(list: Vec<R>, path: &Path, mut turn: impl FnMut(R, &Path) -> Option<T>) -> Vec<T> {
    list.into_iter()
        .enumerate()
        .filter_map(|(index, raw)| turn(raw, &path.index(index)))
        .collect()
}

fn tool(raw: RawTool, path: &Path, checker: &mut Checker<'_>) -> Option<Tool> {
    let mut schema = |schema: Option<ObjectSchema>, key: &str| {
        let schema = Value::Object(schema?.0);
        Some(json_schema::compile(schema, &path.key(key), checker))
    };
    let output_schema = schema(raw.output_schema, "output_schema");
    let is_given = raw.input_schema.is_some();
    let any = || ObjectSchema(Map::from_iter([("type".to_owned(), Value::from("object"))]));
    let input_schema = schema(Some(raw.input_schema.unwrap_or_else(any)), "input_schema").flatten();
    let scope = Scope {
        binding: "tool",
        names: input_schema
            .as_ref()
            .filter(|_| is_given)
            .and_then(|schema| schema.document().get("properties")?.as_object())
            .map(|properties| properties.keys().cloned().collect()),
        is_closed: false,
    };
    let backend = backends::validate(raw.backend, &scope, &path.key("backend"), checker);
    Some(Tool {
        name: raw.name,
        title: raw.title,
        description: raw.description,
        input_schema: input_schema?,
        output_schema: output_schema.map_or(Some(None), |schema| schema.map(Some))?,
        annotations: ToolAnnotations {
            read_only: raw.annotations.read_only_hint,
            idempotent: raw.annotations.idempotent_hint,
            destructive: raw.annotations.destructive_hint,
            open_world: raw.annotations.open_world_hint,
        },
        backend: backend?,
    })
}

fn prompt(raw: RawPrompt, path: &Path, checker: &mut Checker<'_>) -> Option<Prompt> {
    let arguments = path.key("arguments");
    checker.unique(
        "argument name",
        places(&raw.arguments, &arguments, "name", |argument| &argument.name),
    );
    let scope = Scope {
        binding: "prompt",
        names: Some(
            raw.arguments
                .iter()
                .map(|argument| argument.name.clone())
                .collect(),
        ),
        is_closed: true,
    };
    Some(Prompt {
        name: raw.name,
        title: raw.title,
        description: raw.description,
        arguments: raw.arguments.into_iter().map(argument).collect(),
        backend: backends::validate_text(raw.backend, &scope, &path.key("backend"), checker)?,
    })
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
        let Some(resource) = resource(raw, &path, checker) else {
            continue;
        };
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

fn resource(raw: RawResource, path: &Path, checker: &mut Checker<'_>) -> Option<Resource> {
    let scope = Scope {
        binding: "resource",
        names: Some(Vec::new()),
        is_closed: true,
    };
    Some(Resource {
        name: raw.name.unwrap_or_else(|| raw.uri.clone()),
        uri: raw.uri,
        title: raw.title,
        description: raw.description,
        mime_type: raw.mime_type,
        backend: backends::validate_text(raw.backend, &scope, &path.key("backend"), checker)?,
    })
}

fn template(raw: RawResourceTemplate, path: &Path, checker: &mut Checker<'_>) -> Option<ResourceTemplate> {
    if let Err(reason) = uri_template::check(&raw.uri_template) {
        let message = format!("not a URI template: {reason}");
        checker.invalid(
            &path.key("uri_template"),
            message,
            "a URI with variables, as in `notes://{id}`",
        );
    }
    let scope = Scope {
        binding: "resource template",
        names: Some(uri_template::variables(&raw.uri_template)),
        is_closed: true,
    };
    Some(ResourceTemplate {
        name: raw.name.unwrap_or_else(|| raw.uri_template.clone()),
        uri_template: raw.uri_template,
        title: raw.title,
        description: raw.description,
        mime_type: raw.mime_type,
        backend: backends::validate_text(raw.backend, &scope, &path.key("backend"), checker)?,
    })
}
