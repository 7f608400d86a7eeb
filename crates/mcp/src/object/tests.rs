#![allow(clippy::unwrap_used)]
use super::*;

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

#[test]
fn untouched_members_are_written_back_byte_for_byte() {
    let text = raw("{ \"a\" : {\"x\":  1.50e3 , \"y\":[ ]},\n\"\\u0062\\/\":\"\\u00e9\\ud800\", \"c\":-0 }");
    let mut object = Object::parse(&text).unwrap();
    assert_eq!(object.len(), 3);
    assert_eq!(object.get("b/").unwrap().get(), "\"\\u00e9\\ud800\"");
    assert_eq!(
        object.to_raw().get(),
        "{\"a\":{\"x\":  1.50e3 , \"y\":[ ]},\"\\u0062\\/\":\"\\u00e9\\ud800\",\"c\":-0}"
    );
    object.set("a", raw("1"));
    object.set_str("d\"", "é\n");
    object.set_u64("e", 7);
    object.set_bool("f", false);
    assert!(object.remove("c").is_some());
    assert!(object.remove("c").is_none());
    assert_eq!(
        object.to_raw().get(),
        "{\"a\":1,\"\\u0062\\/\":\"\\u00e9\\ud800\",\"d\\\"\":\"é\\n\",\"e\":7,\"f\":false}"
    );
    assert_eq!(object.get_str("d\"").unwrap(), "é\n");
    assert_eq!(
        (object.get_u64("e"), object.get_bool("f")),
        (Some(7), Some(false))
    );
    assert!(object.size_hint() >= object.to_raw().get().len() - 6);
}

#[test]
fn the_last_of_two_equal_keys_wins() {
    let text = raw(r#"{"a":1,"b":2,"\u0061":3}"#);
    let object = Object::parse(&text).unwrap();
    assert_eq!(object.to_raw().get(), r#"{"a":3,"b":2}"#);
    assert!(object.had_duplicates() && !Object::new().had_duplicates());
    let many: Vec<String> = (0..40)
        .map(|number| format!("\"k{}\":{number}", number % 30))
        .collect();
    let text = raw(&format!("{{{}}}", many.join(",")));
    let object = Object::parse(&text).unwrap();
    assert_eq!(object.len(), 30);
    assert_eq!(
        (object.get_u64("k9"), object.get_u64("k10")),
        (Some(39), Some(10))
    );
}

#[test]
fn a_wide_object_is_read_in_reasonable_time() {
    let members: Vec<String> = (0..200_000).map(|number| format!("\"k{number}\":0")).collect();
    let text = raw(&format!("{{{}}}", members.join(",")));
    assert_eq!(Object::parse(&text).unwrap().len(), 200_000);
}

#[test]
fn other_values_and_undecodable_keys_are_no_objects() {
    for text in ["[]", "1", "null", "\"{}\"", "{\"\\ud800\":1}"] {
        assert_eq!(Object::parse(&raw(text)).err(), Some(NotAnObject), "{text}");
    }
    assert!(Object::parse_str("{\"a\":1").is_err());
    assert!(Object::parse_str("").is_err());
}

#[test]
fn strings_are_only_read_where_they_are_strings() {
    let text = raw(r#"{"a":"x\ty","b":1,"c":"\ud800"}"#);
    let object = Object::parse(&text).unwrap();
    assert_eq!(object.get_str("a").unwrap(), "x\ty");
    assert_eq!(
        (object.get_str("b"), object.get_str("c"), object.get_str("d")),
        (None, None, None)
    );
}

#[test]
fn meta_members_change_without_touching_the_rest() {
    let text = raw("{\"_meta\":{ \"x\" : [1, 2],\"y\":1},\"z\":0}");
    let mut object = Object::parse(&text).unwrap();
    object.set_meta("y", raw("2"));
    object.set_meta("n", raw("{ }"));
    assert_eq!(object.get_meta("x").unwrap().get(), "[1, 2]");
    assert_eq!(
        object.to_raw().get(),
        "{\"_meta\":{\"x\":[1, 2],\"y\":2,\"n\":{ }},\"z\":0}"
    );
    for key in ["x", "y", "n", "absent"] {
        object.remove_meta(key);
    }
    assert_eq!(object.to_raw().get(), "{\"_meta\":{},\"z\":0}");
}

#[test]
fn an_empty_meta_goes_only_if_it_was_created_here() {
    let mut object = Object::new();
    object.remove_meta("a");
    assert!(object.is_empty());
    object.set_meta("a", raw("1"));
    object.set_meta("b", raw("1"));
    object.remove_meta("a");
    assert_eq!(object.to_raw().get(), "{\"_meta\":{\"b\":1}}");
    object.remove_meta("b");
    assert_eq!(object.to_raw().get(), "{}");
}

#[test]
fn a_meta_of_another_type_is_replaced() {
    let text = raw("{\"_meta\":null}");
    let mut object = Object::parse(&text).unwrap();
    assert!(object.get_meta("a").is_none());
    object.remove_meta("a");
    object.set_meta("a", raw("1"));
    assert_eq!(object.to_raw().get(), "{\"_meta\":{\"a\":1}}");
}
