//! Mistakes in a plugin's configuration.

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

/// Compares a configuration with the schema of the manifest. All mistakes are found, not only the first.
///
/// # Errors
/// When the schema itself is none.
pub(crate) fn compare(schema: &Value, config: &Value) -> Result<Vec<Diagnostic>, String> {
    let validator = jsonschema::validator_for(schema).map_err(|error| error.to_string())?;
    let mut mistakes = Vec::new();
    for error in validator.iter_errors(config) {
        let path = error.instance_path().to_string();
        if let ValidationErrorKind::AdditionalProperties { unexpected } = error.kind() {
            mistakes.extend(unexpected.iter().map(|key| Diagnostic {
                path: format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")),
                message: "there is no such key".to_owned(),
            }));
            continue;
        }
        // Values are left out: they may be secrets.
        let message = error.masked().to_string();
        mistakes.push(Diagnostic { path, message });
    }
    mistakes.sort();
    Ok(mistakes)
}
