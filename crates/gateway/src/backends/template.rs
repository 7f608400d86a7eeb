//! Fills `${arguments.x}` in the texts of a configuration.

use serde_json::{Map, Value};

const START: &str = "${arguments.";

/// Replaces every `${arguments.x}` by the argument `x`: a string as it is, anything else as JSON, an absent one by
/// nothing. Other expressions stay as they are.
pub(super) fn fill(text: &str, arguments: &Map<String, Value>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(START) {
        let (before, expression) = rest.split_at(start);
        filled.push_str(before);
        let Some(end) = expression.find('}') else {
            rest = expression;
            break;
        };
        match arguments.get(&expression[START.len()..end]) {
            Some(Value::String(text)) => filled.push_str(text),
            Some(other) => filled.push_str(&other.to_string()),
            None => {}
        }
        rest = &expression[end + 1..];
    }
    filled.push_str(rest);
    filled
}

/// Fills every string inside a JSON value.
pub(super) fn fill_value(value: &Value, arguments: &Map<String, Value>) -> Value {
    match value {
        Value::String(text) => Value::String(fill(text, arguments)),
        Value::Array(items) => items.iter().map(|item| fill_value(item, arguments)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), fill_value(member, arguments)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arguments_are_filled_in_and_other_expressions_stay() {
        let arguments = json!({ "name": "Ada", "n": 3, "list": [1, "x"] });
        let arguments = arguments.as_object().expect("an object");
        assert_eq!(
            fill("Hi ${arguments.name}, ${arguments.n}!", arguments),
            "Hi Ada, 3!"
        );
        assert_eq!(
            fill("${arguments.list}${arguments.gone}", arguments),
            r#"[1,"x"]"#
        );
        assert_eq!(
            fill("${env.X} ${arguments.name", arguments),
            "${env.X} ${arguments.name"
        );
    }

    #[test]
    fn a_filled_in_text_is_not_filled_again() {
        let arguments = json!({ "a": "${arguments.b}", "b": "secret" });
        assert_eq!(
            fill("${arguments.a}", arguments.as_object().expect("an object")),
            "${arguments.b}"
        );
    }

    #[test]
    fn every_string_inside_a_value_is_filled() {
        let arguments = json!({ "x": "1" });
        let value = json!({ "k": ["${arguments.x}", 2, { "m": "a${arguments.x}" }] });
        assert_eq!(
            fill_value(&value, arguments.as_object().expect("an object")),
            json!({ "k": ["1", 2, { "m": "a1" }] })
        );
    }
}
