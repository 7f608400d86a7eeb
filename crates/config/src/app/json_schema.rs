//! JSON Schemas of arguments and results.

use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;
use std::fmt;

/// How many violations are told at once.
const MOST: usize = 5;
/// How many characters of one violation are told.
const LONGEST: usize = 300;

/// A JSON Schema, ready to judge values.
#[derive(Clone)]
pub struct JsonSchema {
    document: Value,
    validator: Validator,
}

impl JsonSchema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub(crate) fn new(document: Value) -> Result<Self, String> {
        let validator = jsonschema::validator_for(&document).map_err(|error| match error.kind() {
            ValidationErrorKind::Referencing(_) => "a `$ref` in it leads nowhere".to_owned(),
            _ => error.masked().to_string(),
        })?;
        Ok(Self { document, validator })
    }

    /// The schema as it was written.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Judges a value; what is wrong with it is told in a few lines, each with its place.
    ///
    /// # Errors
    /// The first violations.
    pub fn check(&self, value: &Value) -> Result<(), Vec<String>> {
        if self.validator.is_valid(value) {
            return Ok(());
        }
        let violations = self.validator.iter_errors(value).take(MOST).map(|error| {
            let place = match error.instance_path().as_str() {
                "" => String::new(),
                place => format!("{place}: "),
            };
            shorten(&format!("{place}{error}"))
        });
        Err(violations.collect())
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl fmt::Debug for JsonSchema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.document.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use serde_json::json;

    #[test]
    fn violations_name_their_place_and_are_few_and_short() {
        let schema = json!({
            "type": "object",
            "required": ["name"],
            "properties": { "n": { "type": "integer" } },
        });
        let schema = JsonSchema::new(schema).unwrap();
        assert_eq!(schema.check(&json!({ "name": "a", "n": 1 })), Ok(()));
        let wrong = schema.check(&json!({ "n": "x".repeat(1000) })).unwrap_err();
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(
            wrong.iter().any(|line| line == "\"name\" is a required property"),
            "{wrong:?}"
        );
        let long = wrong.iter().find(|line| line.starts_with("/n: ")).unwrap();
        assert!(long.chars().count() <= LONGEST + 1, "{long}");
    }

    #[test]
    fn a_schema_that_needs_another_document_is_refused() {
        let schema = json!({ "type": "object", "$ref": "https://example.com/other.json" });
        assert!(JsonSchema::new(schema).is_err());
    }
}
