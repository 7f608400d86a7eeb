//! Fills what a caller sent into the texts of a configuration.

use std::borrow::Cow;

use mcpg_config::app::{ArgumentPath, Part, Template};
use serde_json::{Map, Value};

/// The arguments of a call, by their names.
pub(super) type Arguments = Map<String, Value>;

/// Finds an argument, or a member inside one. A `null` counts as absent.
pub(super) fn find<'a>(arguments: &'a Arguments, path: &ArgumentPath) -> Option<&'a Value> {
    let (first, inner) = path.names().split_first()?;
    let mut value = arguments.get(first)?;
    for name in inner {
        value = value.get(name)?;
    }
    (!value.is_null()).then_some(value)
}

/// An argument as text: a string as it is, anything else as JSON.
pub(super) fn as_text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

/// Fills a text; `encode` writes each argument in the way of the place. Absent arguments are empty.
pub(super) fn fill<'a>(
    template: &Template,
    arguments: &'a Arguments,
    encode: impl Fn(Cow<'a, str>) -> Cow<'a, str>,
) -> String {
    let mut filled = String::new();
    for part in template.parts() {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Argument(path) => {
                if let Some(value) = find(arguments, path) {
                    filled.push_str(&encode(as_text(value)));
                }
            }
        }
    }
    filled
}

/// Fills a text as it is; `None` when it is nothing but an absent argument.
pub(super) fn fill_present(template: &Template, arguments: &Arguments) -> Option<String> {
    let is_absent = template
        .whole_argument()
        .is_some_and(|path| find(arguments, path).is_none());
    (!is_absent).then(|| fill(template, arguments, |text| text))
}

/// Names the arguments of a text, for a message about it.
pub(super) fn named(template: &Template) -> String {
    let names: Vec<String> = template.arguments().map(|path| format!("`{path}`")).collect();
    names.join(", ")
}
