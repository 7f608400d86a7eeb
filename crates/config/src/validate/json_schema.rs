//! The rules of JSON Schemas that a configuration contains.

use super::Checker;
use crate::app::JsonSchema;
use crate::path::{Path, Segment};
use crate::shape::quoted;
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use jsonschema::paths::LocationSegment;
use serde_json::{Map, Value};

/// The types that a form for people can ask for.
const FORM_TYPES: [&str; 5] = ["string", "number", "integer", "boolean", "array"];

/// The types that a JSON Schema knows.
const TYPES: [&str; 7] = [
    "null", "boolean", "object", "array", "number", "string", "integer",
];

/// Checks that a value is a JSON Schema: of the draft that it names, else of 2020-12.
pub(super) fn check(schema: &Value, path: &Path, checker: &mut Checker<'_>) {
    if schema.get("$schema").is_some() {
        if let Err(error) = jsonschema::meta::validate(schema) {
            report(&error, path, checker);
        }
        return;
    }
    for error in jsonschema::draft202012::meta::validator().iter_errors(schema) {
        report(&error, path, checker);
    }
}

/// Checks that a value is a JSON Schema and makes it ready for use.
pub(super) fn compile(schema: Value, path: &Path, checker: &mut Checker<'_>) -> Option<JsonSchema> {
    let known = checker.mistakes.count();
    check(&schema, path, checker);
    match JsonSchema::new(schema) {
        Ok(schema) => Some(schema),
        Err(reason) => {
            // What is no schema at all was told above, with a better place.
            if checker.mistakes.count() == known {
                checker.invalid(
                    path,
                    format!("not a usable JSON Schema: {reason}"),
                    "a schema that refers to nothing outside itself",
                );
            }
            None
        }
    }
}

fn report(error: &ValidationError<'_>, path: &Path, checker: &mut Checker<'_>) {
    let mut path = path.clone();
    for segment in error.instance_path() {
        path = path.with(match segment {
            LocationSegment::Property(key) => Segment::Key(key.into_owned()),
            LocationSegment::Index(index) => Segment::Index(index),
        });
    }
    if matches!(path.last(), Some(Segment::Key(key)) if key == "type") {
        checker.invalid(&path, "not a type of JSON Schema", quoted(&TYPES));
        return;
    }
    let message = match error.kind() {
        ValidationErrorKind::AnyOf { .. } | ValidationErrorKind::OneOfNotValid { .. } => {
            "not a JSON Schema".to_owned()
        }
        _ => format!("not a JSON Schema: {}", error.masked()),
    };
    checker.invalid(&path, message, "what the JSON Schema standard allows here");
}

/// Checks that a schema describes a form: an object without objects inside.
pub(super) fn check_form(schema: &Value, path: &Path, checker: &mut Checker<'_>) {
    let empty = Map::new();
    let properties = schema
        .get("properties")
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    for (name, property) in properties {
        let path = path.key("properties").key(name);
        match property.get("type").map(|kind| kind.as_str().unwrap_or_default()) {
            None if property.get("enum").is_some() || property.get("oneOf").is_some() => {}
            Some(kind) if FORM_TYPES.contains(&kind) => {}
            Some(_) => {
                checker.invalid(
                    &path.key("type"),
                    "a user cannot be asked for this type",
                    quoted(&FORM_TYPES),
                );
            }
            None => checker.invalid(&path, "the type of the field is missing", quoted(&FORM_TYPES)),
        }
    }
}
