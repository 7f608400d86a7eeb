//! Mistakes in a plugin's configuration.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

/// One mistake in a plugin's configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// Where it is, as a JSON pointer into the configuration.
    pub path: String,
    /// What is wrong and what is expected.
    pub message: String,
}

/// What the schema has to say about a configuration.
pub(crate) struct Compared {
    pub(crate) mistakes: Vec<Diagnostic>,
    /// The configuration without unknown keys, when nothing else is wrong with its shape.
    pub(crate) readable: Option<Value>,
}

/// Compares a configuration with the schema of the manifest. All mistakes are found, not only the first.
///
/// # Errors
/// When the schema itself is none.
pub(crate) fn compare(schema: &Value, config: &Value) -> Result<Compared, String> {
    let validator = jsonschema::validator_for(schema).map_err(|error| error.to_string())?;
    let mut mistakes = Vec::new();
    let mut readable = Some(config.clone());
    for error in validator.iter_errors(config) {
        let path = error.instance_path().to_string();
        if let ValidationErrorKind::AdditionalProperties { unexpected } = error.kind() {
            let message = unknown(schema, &error);
            for key in unexpected {
                remove(readable.as_mut(), &path, key);
                mistakes.push(Diagnostic {
                    path: format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")),
                    message: message.clone(),
                });
            }
            continue;
        }
        readable = None;
        // Values are left out: they may be secrets.
        let message = error.masked().to_string();
        let path = match error.kind() {
            ValidationErrorKind::Required { property } => {
                format!("{path}/{}", property.as_str().unwrap_or_default())
            }
            _ => path,
        };
        mistakes.push(Diagnostic { path, message });
    }
    mistakes.sort();
    Ok(Compared { mistakes, readable })
}

/// Says which keys there are instead.
fn unknown(schema: &Value, error: &ValidationError<'_>) -> String {
    let place = error.schema_path().to_string();
    let block = place
        .rsplit_once('/')
        .and_then(|(block, _)| schema.pointer(block));
    let known = block.and_then(|block| block.get("properties")?.as_object());
    let known: Vec<String> = known
        .into_iter()
        .flatten()
        .map(|(key, _)| format!("`{key}`"))
        .collect();
    if known.is_empty() {
        return "there is no such key".to_owned();
    }
    format!("there is no such key; known are {}", known.join(", "))
}

fn remove(config: Option<&mut Value>, path: &str, key: &str) {
    let block = config.and_then(|config| config.pointer_mut(path));
    if let Some(block) = block.and_then(Value::as_object_mut) {
        block.remove(key);
    }
}
