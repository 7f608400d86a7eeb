use super::*;
use serde_json::{Value, json};

fn value(text: &str) -> Value {
    match parse(text, 0) {
        Ok((node, _)) => node.to_json(),
        Err(error) => panic!("{text}: {}", error.message),
    }
}

fn refused(text: &str) -> (u64, u64, String) {
    match parse(text, 0) {
        Ok((node, _)) => panic!("{text} was read as {}", node.to_json()),
        Err(error) => (error.line, error.column, error.message),
    }
}

fn oddities(text: &str) -> Vec<(String, u64, u64)> {
    let (_, oddities) = parse(text, 0).unwrap_or_else(|error| panic!("{text}: {}", error.message));
    let place = |oddity: &Oddity| {
        (
            oddity.path.to_string(),
            oddity.position.line,
            oddity.position.column,
        )
    };
    oddities.iter().map(place).collect()
}

#[test]
fn only_true_and_false_are_booleans() {
    for text in ["yes", "no", "on", "off", "y", "n"] {
        assert_eq!(value(&format!("a: {text}")), json!({ "a": text }));
    }
    assert_eq!(value("a: true\nb: false"), json!({ "a": true, "b": false }));
}

#[test]
fn a_date_or_a_clock_time_is_a_text() {
    assert_eq!(
        value("a: 2025-11-25\nb: 12:30:45"),
        json!({ "a": "2025-11-25", "b": "12:30:45" })
    );
}

#[test]
fn a_number_with_a_leading_zero_is_odd_wherever_it_stands() {
    assert_eq!(
        oddities("a: 012\nb: [1, 007]"),
        [("a".into(), 1, 4), ("b[1]".into(), 2, 8)]
    );
    assert_eq!(oddities("a: 0\nb: 0.5\nc: 0x1F\nd: '012'\ne: 10"), []);
}

#[test]
fn every_duplicate_key_is_found_and_the_first_value_is_kept() {
    let text = "a: 1\nb: {c: 1, c: 2}\na: 3\na: 4";
    assert_eq!(
        oddities(text),
        [("b.c".into(), 2, 11), ("a".into(), 3, 1), ("a".into(), 4, 1)]
    );
    assert_eq!(value(text), json!({ "a": 1, "b": { "c": 1 } }));
}

#[test]
fn a_merge_key_is_odd_and_an_alias_is_not() {
    assert_eq!(
        oddities("a: &x {b: 1}\nc:\n  <<: *x"),
        [("c[\"<<\"]".into(), 3, 3)]
    );
    assert_eq!(
        value("a: &x {b: 1}\nc: *x"),
        json!({ "a": { "b": 1 }, "c": { "b": 1 } })
    );
}

#[test]
fn a_tab_in_the_indentation_is_refused_with_its_place() {
    let (line, column, message) = refused("a:\n\tb: 1");
    assert_eq!((line, column), (2, 2));
    assert!(message.contains("tabs disallowed"), "{message}");
    assert!(!message.contains("line 2"), "{message}");
}

#[test]
fn a_second_document_is_refused() {
    let (line, _, message) = refused("---\na: 1\n---\nb: 1");
    assert_eq!(
        (line, message.as_str()),
        (4, "a second document begins here; a layer is one document")
    );
}

#[test]
fn broken_yaml_and_unknown_tags_are_refused() {
    for text in [
        "a: [1",
        "a: \"x",
        "a: b: c",
        "a: !foo 1",
        "a: *nope",
        "a: @x",
        "{b: 1}: 2",
    ] {
        assert!(!refused(text).2.is_empty());
    }
}

#[test]
fn columns_count_characters() {
    let (node, _) = parse("\"\u{e4}\u{f6}\": x", 0).unwrap_or_else(|error| panic!("{}", error.message));
    let position = node
        .get(&Path::root().key("\u{e4}\u{f6}"))
        .map(|node| node.position);
    assert_eq!(
        position.map(|position| (position.line, position.column)),
        Some((1, 7))
    );
}

#[test]
fn a_variable_is_read_as_one_scalar() {
    let read = |text: &str| {
        Node::new(
            parse_scalar(text),
            Position {
                origin: 0,
                line: 0,
                column: 0,
            },
        )
        .to_json()
    };
    for (text, expected) in [
        ("5", json!(5)),
        ("true", json!(true)),
        ("", json!(null)),
        ("\"5\"", json!("5")),
        ("yes", json!("yes")),
        ("*", json!("*")),
        ("[a]", json!("[a]")),
        ("a: b", json!("a: b")),
        ("# x", json!("# x")),
        ("012", json!("012")),
        ("127.0.0.1:80", json!("127.0.0.1:80")),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn nesting_is_read_up_to_its_limit_on_a_small_stack() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let small = std::thread::Builder::new().stack_size(512 * 1024);
    let judged = small.spawn(move || [DEEPEST, DEEPEST + 1].map(|depth| parse(&nested(depth), 0).is_ok()));
    assert_eq!(judged.unwrap().join().unwrap(), [true, false]);
}
