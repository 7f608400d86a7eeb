//! The keys of the `cluster` block as the plugin gets them.

use std::path::PathBuf;

use mcpg_config::Places;
use mcpg_plugin_host::{Diagnostic, Plugin, PluginError};
use serde_json::{Map, Value};

/// The keys of the `cluster` block as a plugin has judged them.
#[derive(Debug)]
pub struct Validated {
    /// What the plugin gets.
    pub settings: Value,
    /// What it finds wrong, with JSON pointers into the block.
    pub mistakes: Vec<Diagnostic>,
}

/// Lets the plugin find the mistakes in the keys of the `cluster` block. Nothing is connected to.
///
/// # Errors
/// When the plugin fails at it.
pub async fn validate(
    plugin: &Plugin,
    settings: &Map<String, Value>,
    places: &Places,
) -> Result<Validated, PluginError> {
    let mut settings = Value::Object(settings.clone());
    place_paths(&mut settings, &plugin.manifest().config_schema, places);
    let mut mistakes = plugin.validate(&settings).await?;
    if retype(&mut settings, &mistakes, places) {
        mistakes = plugin.validate(&settings).await?;
    }
    Ok(Validated { settings, mistakes })
}

/// Places every relative path, by the plugin's schema, in the folder of the file that it was written in.
fn place_paths(settings: &mut Value, schema: &Value, places: &Places) {
    place_below(settings, schema, "", &|pointer, path| {
        places.resolve("cluster", pointer, path)
    });
}

fn place_below(value: &mut Value, schema: &Value, pointer: &str, resolve: &dyn Fn(&str, &str) -> PathBuf) {
    match value {
        // An empty one is a mistake that the plugin reports.
        Value::String(path) if is_path(schema) && !path.is_empty() => {
            *path = resolve(pointer, path).display().to_string();
        }
        Value::Object(entries) => {
            for (key, value) in entries {
                if let Some(schema) = schema.get("properties").and_then(|known| known.get(key)) {
                    let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                    place_below(value, schema, &pointer, resolve);
                }
            }
        }
        _ => {}
    }
}

fn is_path(schema: &Value) -> bool {
    schema.get("format").is_some_and(|format| format == "path")
}

/// Gives up the text where the plugin does not want one and a variable may stand for a number or a boolean. Says whether
/// anything has changed.
fn retype(settings: &mut Value, mistakes: &[Diagnostic], places: &Places) -> bool {
    let mut changed = false;
    for mistake in mistakes {
        if let Some(scalar) = places.scalar("cluster", &mistake.path)
            && let Some(value) = settings.pointer_mut(&mistake.path)
            && *value != scalar
        {
            *value = scalar;
            changed = true;
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_the_schema_marks_is_a_path() {
        let schema = json!({"properties": {
            "url": {"type": "string"},
            "tls": {"properties": {"ca_cert": {"type": "string", "format": "path"}}},
        }});
        let mut settings =
            json!({"url": "a", "tls": {"ca_cert": "ca.pem", "more": "b"}, "other": {"ca_cert": "c"}});
        place_below(&mut settings, &schema, "", &|pointer, path| {
            PathBuf::from(format!("/conf{pointer}/{path}"))
        });
        let placed = json!({
            "url": "a", "tls": {"ca_cert": "/conf/tls/ca_cert/ca.pem", "more": "b"}, "other": {"ca_cert": "c"},
        });
        assert_eq!(settings, placed);
    }
}
