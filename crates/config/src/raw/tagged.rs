//! The schema of a block whose keys depend on a tag.
//!
//! `oneOf` would judge a block against all variants and blame it for not being any of them. Here the tag is judged
//! first, and only the variant that it names judges the rest, so that messages speak of what was meant.

use schemars::{Schema, json_schema};
use serde_json::{Map, Value, json};

/// One value of the tag and the schema of the keys beside it.
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) schema: Schema,
}

/// Joins variants into one schema that chooses by `tag`.
pub(crate) fn schema(tag: &str, description: &str, variants: Vec<Variant>) -> Schema {
    let names: Vec<&str> = variants.iter().map(|variant| variant.name).collect();
    let mut tag_schema = Map::new();
    tag_schema.insert(
        tag.to_owned(),
        json!({ "description": description, "enum": names }),
    );
    let branches: Vec<Value> = variants.into_iter().map(|variant| branch(tag, variant)).collect();
    json_schema!({
        "type": "object",
        "properties": tag_schema,
        "required": [tag],
        "allOf": branches,
    })
}

fn branch(tag: &str, variant: Variant) -> Value {
    let mut condition = Map::new();
    condition.insert(tag.to_owned(), json!({ "const": variant.name }));
    let mut then = variant.schema.to_value();
    // A closed variant must let its own tag in.
    if let Some(Value::Object(properties)) = then.get_mut("properties") {
        properties.insert(tag.to_owned(), json!({ "const": variant.name }));
    }
    json!({
        "if": { "properties": condition, "required": [tag] },
        "then": then,
    })
}
