//! Arguments as they may be written: on one line, and without what is to be hidden.
//!
//! What is not hidden stays as the client wrote it, digit for digit.

use indexmap::IndexMap;
use mcpg_config::app::{RedactPath, RedactStep};
use serde_json::value::RawValue;

const HIDDEN: &str = "\"[redacted]\"";

/// The text of `arguments` on one line, without the values at `hidden`.
pub(super) fn written(arguments: &RawValue, hidden: &[RedactPath]) -> String {
    let paths: Vec<&[RedactStep]> = hidden.iter().map(|path| path.0.as_slice()).collect();
    let mut text = String::with_capacity(arguments.get().len());
    write(arguments, &paths, &mut text);
    text
}

fn write(value: &RawValue, paths: &[&[RedactStep]], into: &mut String) {
    if paths.iter().any(|path| path.is_empty()) {
        into.push_str(HIDDEN);
        return;
    }
    match (paths.is_empty(), value.get().as_bytes().first()) {
        (false, Some(b'{')) => object(value, paths, into),
        (false, Some(b'[')) => list(value, paths, into),
        _ => compact(value.get(), into),
    }
}

fn object(value: &RawValue, paths: &[&[RedactStep]], into: &mut String) {
    // Of two members with one name the last one counts, for servers as well as here.
    let members: IndexMap<String, &RawValue> =
        serde_json::from_str(value.get()).expect("a raw value that begins like an object is one");
    into.push('{');
    for (index, (name, value)) in members.iter().enumerate() {
        if index > 0 {
            into.push(',');
        }
        into.push_str(&serde_json::to_string(name).expect("a text is always JSON"));
        into.push(':');
        write(value, &below(paths, Some(name)), into);
    }
    into.push('}');
}

fn list(value: &RawValue, paths: &[&[RedactStep]], into: &mut String) {
    let items: Vec<&RawValue> =
        serde_json::from_str(value.get()).expect("a raw value that begins like a list is one");
    let paths = below(paths, None);
    into.push('[');
    for (index, value) in items.iter().enumerate() {
        if index > 0 {
            into.push(',');
        }
        write(value, &paths, into);
    }
    into.push(']');
}

/// What is left of the paths that lead through a member, or through the items of a list.
fn below<'p>(paths: &[&'p [RedactStep]], member: Option<&str>) -> Vec<&'p [RedactStep]> {
    let through = |path: &&'p [RedactStep]| match path.split_first()? {
        (RedactStep::Any, rest) => Some(rest),
        (RedactStep::Member(name), rest) => (member == Some(name.as_str())).then_some(rest),
    };
    paths.iter().filter_map(through).collect()
}

/// Leaves out the space between tokens, which may hold line ends.
fn compact(json: &str, into: &mut String) {
    let (mut in_text, mut escaped) = (false, false);
    into.extend(json.chars().filter(|&character| {
        let keep = in_text || !matches!(character, ' ' | '\n' | '\r' | '\t');
        match character {
            '"' if !escaped => in_text = !in_text,
            _ => {}
        }
        escaped = in_text && character == '\\' && !escaped;
        keep
    }));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn hidden(arguments: &str, paths: &[&str]) -> String {
        let raw: &RawValue = serde_json::from_str(arguments).unwrap();
        let paths: Vec<RedactPath> = paths
            .iter()
            .map(|path| RedactPath::parse(path).unwrap())
            .collect();
        written(raw, &paths)
    }

    #[test]
    fn what_is_hidden_and_what_stays() {
        let arguments = r#"{"user": "u", "password": "s3cret", "n": 1.50e+400,
            "list": [{"token": "s3cret", "id": 1}, {"token": ["s3cret"]}, "x"],
            "deep": {"a": {"key": {"s3cret": 1}}, "b": {"key": null, "other": true}}}"#;
        for (paths, expected) in [
            (
                vec!["password", "list.*.token", "deep.*.key"],
                r#"{"user":"u","password":"[redacted]","n":1.50e+400,"list":[{"token":"[redacted]","id":1},{"token":"[redacted]"},"x"],"deep":{"a":{"key":"[redacted]"},"b":{"key":"[redacted]","other":true}}}"#,
            ),
            (
                vec!["arguments.password", "list", "deep"],
                r#"{"user":"u","password":"[redacted]","n":1.50e+400,"list":"[redacted]","deep":"[redacted]"}"#,
            ),
            (
                vec!["*"],
                r#"{"user":"[redacted]","password":"[redacted]","n":"[redacted]","list":"[redacted]","deep":"[redacted]"}"#,
            ),
        ] {
            let text = hidden(arguments, &paths);
            assert_eq!(text, expected, "{paths:?}");
            assert!(!text.contains("s3cret"));
        }
    }

    #[test]
    fn no_spelling_of_a_name_escapes() {
        assert_eq!(
            hidden(r#"{"pass\u0077ord":"s3cret"}"#, &["password"]),
            r#"{"password":"[redacted]"}"#
        );
        assert_eq!(
            hidden(r#"{"password":"s3cret","password":"s3cret"}"#, &["password"]),
            r#"{"password":"[redacted]"}"#
        );
    }

    #[test]
    fn paths_that_lead_nowhere_hide_nothing() {
        for arguments in [r#"{"a":1}"#, r#"[1,"a"]"#, r#""a""#, "1", "null"] {
            assert_eq!(hidden(arguments, &["a.b", "b", "a.*.c"]), arguments);
        }
    }

    #[test]
    fn a_text_keeps_its_spaces_and_the_rest_loses_them() {
        let arguments = "{ \"a b\" :\n[ 1 ,\r\n\t\"x \\\" \\\\\" , \"\\n\" ] }";
        let expected = "{\"a b\":[1,\"x \\\" \\\\\",\"\\n\"]}";
        assert_eq!(hidden(arguments, &[]), expected);
        assert_eq!(hidden(arguments, &["other"]), expected);
    }
}
