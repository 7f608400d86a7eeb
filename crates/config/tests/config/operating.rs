//! `docs/operating.md` lists every key, from the schema.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value};

use crate::regenerate::compare_section;

#[test]
fn the_list_of_keys_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operating.md");
    let difference = compare_section(&path, "keys", &keys(&mcpg_config::schema()));
    assert!(difference.is_none(), "{}", difference.unwrap_or_default());
}

/// One section with a table per block.
fn keys(schema: &Value) -> String {
    let mut blocks = Blocks::default();
    blocks.collect(schema, "", "");
    let mut text = String::new();
    for block in &blocks.found {
        block.write(&mut text, &blocks);
    }
    text
}

/// The blocks of the configuration in the order of the schema; what is the same at several places is listed once.
#[derive(Default)]
struct Blocks<'s> {
    found: Vec<Block<'s>>,
}

/// A map of the configuration.
struct Block<'s> {
    /// The path, as in `mcp.federations[].upstream`.
    path: String,
    /// The tag that makes these keys valid, as in `kind: mock`.
    condition: String,
    /// The part of the schema that names the keys.
    schema: &'s Value,
}

impl<'s> Blocks<'s> {
    fn collect(&mut self, schema: &'s Value, path: &str, condition: &str) {
        let properties = schema.get("properties").and_then(Value::as_object);
        // Keys that nobody describes belong to the protocol.
        let described = |key: &Value| !is_tag(key) && key.get("description").is_some();
        let names_keys = properties.is_some_and(|properties| properties.values().any(described));
        if self.place_of(schema).is_some() {
            return;
        }
        if names_keys {
            self.found.push(Block {
                path: path.to_owned(),
                condition: condition.to_owned(),
                schema,
            });
        }
        for (key, inner) in properties.into_iter().flatten() {
            let dot = if path.is_empty() { "" } else { "." };
            self.collect(inner, &format!("{path}{dot}{key}"), "");
        }
        if let Some(items) = schema.get("items") {
            self.collect(items, &format!("{path}[]"), "");
        }
        let branches = schema.get("allOf").and_then(Value::as_array);
        for branch in branches.into_iter().flatten() {
            self.collect(&branch["then"], path, &condition_of(branch));
        }
    }

    fn place_of(&self, schema: &Value) -> Option<&str> {
        let same = |block: &&Block<'_>| {
            let equal = |keyword| block.schema.get(keyword) == schema.get(keyword);
            equal("properties") && equal("allOf")
        };
        self.found.iter().find(same).map(|block| block.path.as_str())
    }
}

/// A tag of a variant is told in the heading.
fn is_tag(schema: &Value) -> bool {
    schema.get("const").is_some()
}

/// The condition of a variant, as in `kind: mock`.
fn condition_of(branch: &Value) -> String {
    let tags = branch["if"]["properties"].as_object();
    let tags = tags.into_iter().flatten();
    let tags = tags.map(|(tag, value)| format!("{tag}: {}", value["const"].as_str().unwrap_or_default()));
    tags.collect::<Vec<_>>().join(", ")
}

impl Block<'_> {
    fn write(&self, text: &mut String, blocks: &Blocks<'_>) {
        let path = if self.path.is_empty() {
            "Top level"
        } else {
            &*self.path
        };
        let heading = match (self.path.is_empty(), self.condition.is_empty()) {
            (true, _) => path.to_owned(),
            (_, true) => format!("`{path}`"),
            _ => format!("`{path}` with `{}`", self.condition),
        };
        let about = Described::read(self.schema);
        writeln!(text, "### {heading}\n").unwrap();
        if !about.meaning.is_empty() {
            writeln!(text, "{}\n", about.meaning).unwrap();
        }
        writeln!(
            text,
            "| key | type | default | allowed | meaning |\n|---|---|---|---|---|"
        )
        .unwrap();
        let empty = Map::new();
        for (key, schema) in self.schema["properties"].as_object().unwrap_or(&empty) {
            if !is_tag(schema) {
                let row = Described::read(schema);
                let cells = [
                    format!("`{key}`"),
                    kind_of(schema, &self.path, blocks, false),
                    row.default,
                    row.range.unwrap_or_else(|| allowed(schema)),
                    row.meaning,
                ];
                writeln!(
                    text,
                    "| {} |",
                    cells.map(|cell| cell.replace('|', "\\|")).join(" | ")
                )
                .unwrap();
            }
        }
        text.push('\n');
    }
}

/// What a description says: `Meaning. Default: x. Range: a..=b.`
struct Described {
    meaning: String,
    default: String,
    range: Option<String>,
}

impl Described {
    fn read(schema: &Value) -> Self {
        let text = schema["description"].as_str().unwrap_or_default();
        let (text, range) = match text.split_once(" Range: ") {
            Some((text, range)) => (text, Some(range.trim_end_matches('.').to_owned())),
            None => (text, None),
        };
        let (meaning, default) = match (text.split_once(" Default: "), text.strip_suffix(" Required.")) {
            (Some((meaning, default)), _) => (meaning, default.strip_suffix('.').unwrap_or(default)),
            (_, Some(meaning)) => (meaning, "**required**"),
            _ => (text, ""),
        };
        Self {
            meaning: meaning.to_owned(),
            default: default.to_owned(),
            range,
        }
    }
}

/// The type of a key in words; a block says where its keys are when that is somewhere else.
fn kind_of(schema: &Value, around: &str, blocks: &Blocks<'_>, several: bool) -> String {
    let plural = if several { "s" } else { "" };
    let of_one = |name: &str| match name {
        "string" => format!("text{plural}"),
        "integer" => format!("whole number{plural}"),
        "number" => format!("number{plural}"),
        "boolean" => "true or false".to_owned(),
        "array" if schema.get("items").is_none() => format!("list{plural}"),
        "array" => format!("list of {}", kind_of(&schema["items"], around, blocks, true)),
        _ => match blocks.place_of(schema) {
            // What belongs to a block follows it.
            Some(place) if place.starts_with(around) => format!("block{plural}"),
            Some(place) => format!("block{plural}, as in `{place}`"),
            None => format!("map{plural}"),
        },
    };
    match &schema["type"] {
        Value::String(name) => of_one(name),
        Value::Array(names) => {
            let names = names.iter().filter_map(Value::as_str);
            names.map(of_one).collect::<Vec<_>>().join(" or ")
        }
        _ if schema.get("enum").is_some() => format!("text{plural}"),
        _ => "anything".to_owned(),
    }
}

/// What the type allows, where the description does not say it.
fn allowed(schema: &Value) -> String {
    if let Some(choices) = schema["enum"].as_array() {
        let choices = choices.iter().filter_map(Value::as_str);
        return choices
            .map(|choice| format!("`{choice}`"))
            .collect::<Vec<_>>()
            .join(", ");
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        return format!("`{pattern}`");
    }
    match (schema["minLength"].as_u64(), schema["maxLength"].as_u64()) {
        (Some(shortest), Some(longest)) => format!("{shortest}..={longest} characters"),
        (Some(_), None) => "not empty".to_owned(),
        _ => String::new(),
    }
}
