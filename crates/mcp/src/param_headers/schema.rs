//! Finds the `x-mcp-header` annotations of an input schema and checks their rules.

use super::{HeaderParam, InvalidAnnotation};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

const ANNOTATION: &str = "x-mcp-header";

/// Keywords whose value is one schema.
const ONE_SCHEMA: &[&str] = &[
    "additionalItems",
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords whose value is an array of schemas. `items` was one in older drafts.
const ARRAY_OF_SCHEMAS: &[&str] = &["allOf", "anyOf", "items", "oneOf", "prefixItems"];
/// Keywords whose value is an object of schemas.
const OBJECT_OF_SCHEMAS: &[&str] = &[
    "$defs",
    "definitions",
    "dependencies",
    "dependentSchemas",
    "patternProperties",
];

/// Reads all annotations. Everything that is data rather than schema, such as a default, is left alone.
pub(super) fn read(schema: &RawValue) -> Result<Vec<HeaderParam>, InvalidAnnotation> {
    let text = schema.get();
    // Nearly all schemas have no annotation, and this is far cheaper than parsing them. An escape could hide one.
    if memchr::memmem::find(text.as_bytes(), ANNOTATION.as_bytes()).is_none() && !text.contains("\\u") {
        return Ok(Vec::new());
    }
    let schema: Value = serde_json::from_str(text).map_err(|error| InvalidAnnotation(error.to_string()))?;
    let mut reader = Reader::default();
    reader.visit(&schema, true)?;
    Ok(reader.params)
}

#[derive(Default)]
struct Reader {
    params: Vec<HeaderParam>,
    path: Vec<String>,
}

impl Reader {
    /// `reachable` says that only `properties` keywords lead here from the root.
    fn visit(&mut self, schema: &Value, reachable: bool) -> Result<(), InvalidAnnotation> {
        let Some(schema) = schema.as_object() else {
            return Ok(());
        };
        if let Some(annotation) = schema.get(ANNOTATION) {
            self.annotation(annotation, schema, reachable)?;
        }
        if let Some(Value::Object(properties)) = schema.get("properties") {
            for (name, property) in properties {
                self.path.push(name.clone());
                self.visit(property, reachable)?;
                self.path.pop();
            }
        }
        for other in subschemas(schema) {
            self.visit(other, false)?;
        }
        Ok(())
    }

    fn annotation(
        &mut self,
        annotation: &Value,
        schema: &Map<String, Value>,
        reachable: bool,
    ) -> Result<(), InvalidAnnotation> {
        let refuse = |problem: String| Err(InvalidAnnotation(problem));
        let Some(name) = annotation.as_str() else {
            return refuse(format!("{annotation} is not a string"));
        };
        if name.is_empty() || !name.bytes().all(is_token) {
            return refuse(format!("{name:?} is not a valid header name"));
        }
        if !reachable || self.path.is_empty() {
            return refuse(format!(
                "{name:?} is not on a property that is reachable through properties alone"
            ));
        }
        if !is_primitive(schema.get("type")) {
            return refuse(format!(
                "{name:?} is on a parameter that is no string, integer or boolean"
            ));
        }
        let param = HeaderParam::new(name, self.path.clone())?;
        if self.params.iter().any(|other| other.header == param.header) {
            return refuse(format!("{name:?} is used twice"));
        }
        self.params.push(param);
        Ok(())
    }
}

fn subschemas(schema: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let one = ONE_SCHEMA.iter().filter_map(|keyword| schema.get(*keyword));
    let arrays = ARRAY_OF_SCHEMAS
        .iter()
        .filter_map(|keyword| schema.get(*keyword)?.as_array())
        .flatten();
    let objects = OBJECT_OF_SCHEMAS
        .iter()
        .filter_map(|keyword| schema.get(*keyword)?.as_object());
    one.chain(arrays).chain(objects.flat_map(Map::values))
}

/// A parameter that may also be `null` counts by its other types: the header is then simply left out.
fn is_primitive(kind: Option<&Value>) -> bool {
    let allowed = |kind: &Value| matches!(kind.as_str(), Some("string" | "integer" | "boolean"));
    match kind {
        Some(Value::Array(kinds)) => {
            let mut others = kinds
                .iter()
                .filter(|kind| kind.as_str() != Some("null"))
                .peekable();
            others.peek().is_some() && others.all(allowed)
        }
        Some(kind) => allowed(kind),
        None => false,
    }
}

/// The characters of an HTTP token.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
