use crate::regenerate::compare;
use serde_json::Value;
use std::path::Path;

fn committed() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/app-config.json")
}

#[test]
fn the_published_schema_is_the_generated_one() {
    let schema = serde_json::to_string_pretty(&mcpg_config::schema()).unwrap() + "\n";
    let difference = compare(&committed(), &schema);
    assert!(difference.is_none(), "{}", difference.unwrap_or_default());
}

#[test]
fn the_schema_is_a_json_schema() {
    assert!(jsonschema::meta::is_valid(&mcpg_config::schema()));
}

#[test]
fn every_key_has_a_description_that_says_its_default_or_that_it_is_required() {
    let mut without = Vec::new();
    visit(&mcpg_config::schema(), "", &mut without);
    assert!(without.is_empty(), "{without:#?}");
}

/// Collects scalar keys whose description says neither; blocks and what belongs to the protocol are left out.
fn visit(schema: &Value, path: &str, without: &mut Vec<String>) {
    let properties = schema.get("properties").and_then(Value::as_object);
    for (key, inner) in properties.into_iter().flatten() {
        let path = format!("{path}.{key}");
        let opaque = ["content", "input_schema", "output_schema", "schema"].contains(&key.as_str());
        let description = inner
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let is_tag = inner.get("const").is_some();
        let is_block = inner.get("properties").is_some();
        let says = description.contains("Default: ") || description.contains("Required.");
        if !is_tag && !is_block && !says {
            without.push(path.clone());
        }
        if !opaque {
            visit(inner, &path, without);
        }
    }
    if let Some(items) = schema.get("items") {
        visit(items, &format!("{path}[]"), without);
    }
    for branch in schema
        .get("allOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        visit(&branch["then"], path, without);
    }
}

#[test]
fn every_default_fits_its_own_schema() {
    let mut checked = 0;
    check_defaults(&mcpg_config::schema(), &mut checked);
    assert!(checked > 20, "only {checked} defaults were found");
}

fn check_defaults(schema: &Value, checked: &mut usize) {
    if let Some(default) = schema.get("default") {
        *checked += 1;
        assert!(jsonschema::is_valid(schema, default), "{schema}");
    }
    match schema {
        Value::Object(members) => members
            .values()
            .for_each(|member| check_defaults(member, checked)),
        Value::Array(members) => members.iter().for_each(|member| check_defaults(member, checked)),
        _ => {}
    }
}
