//! The schema of a plugin's configuration.

use std::path::Path;

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use serde_json::Value;

use crate::Plugin;

/// The schema of the plugin's configuration, as it has to be committed for the export line.
pub fn config_schema<P: Plugin>() -> String {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .with_transform(WithoutNull);
    let schema = settings.into_generator().into_root_schema_for::<P::Config>();
    format!("{:#}\n", schema.as_value())
}

/// Compares committed files with [`config_schema`], for a test of the plugin. With `MCPG_REGENERATE=1` in the environment it
/// writes them instead.
///
/// # Errors
/// The file that is stale, and what renews it.
pub fn check_schema_files<P: Plugin>(files: &[&Path]) -> Result<(), String> {
    let schema = config_schema::<P>();
    let renew = std::env::var_os("MCPG_REGENERATE").is_some_and(|value| value == "1");
    for file in files {
        let shown = file.display();
        if renew {
            std::fs::write(file, &schema).map_err(|error| format!("{shown} cannot be written: {error}"))?;
        } else if std::fs::read_to_string(file).unwrap_or_default() != schema {
            return Err(format!(
                "{shown} is stale: run the tests of this package once with MCPG_REGENERATE=1"
            ));
        }
    }
    Ok(())
}

/// A key without a value never reaches a plugin. Without `null` as an alternative a mistake has one reason, not two.
#[derive(Clone)]
struct WithoutNull;

impl Transform for WithoutNull {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else {
            return;
        };
        if let Some(Value::Array(types)) = object.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                object.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(alternatives)) = object.get_mut("anyOf") {
            alternatives.retain(|alternative| alternative["type"] != "null");
            if let [Value::Object(only)] = alternatives.as_slice() {
                let only = only.clone();
                object.remove("anyOf");
                for (keyword, value) in only {
                    object.entry(keyword).or_insert(value);
                }
            }
        }
        if object.get("default").is_some_and(Value::is_null) {
            object.remove("default");
        }
        // The size of the Rust integer is no concern of whoever writes a configuration. A path stays marked: the host places
        // a relative one in the folder of the file that it was written in.
        if object.get("format") != Some(&Value::from("path")) {
            object.remove("format");
        }
    }
}
