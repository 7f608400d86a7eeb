//! Brings values into the form that the schema speaks of.

use crate::parse::parse_scalar;
use crate::path::Segment;
use crate::shape::Shape;
use crate::tree::{Content, Node};
use serde_json::{Number, Value};

/// The largest whole number up to which floating point numbers have no gaps.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Normalises the tree: keys without a value count as absent, whole numbers lose their fraction, and a variable that
/// stands for a whole value may be a number or a boolean.
pub(crate) fn apply(tree: &mut Node, schema: &Value) {
    let shape = Shape::of(schema, Some(tree));
    normalize(tree, &shape);
}

fn normalize(node: &mut Node, shape: &Shape<'_>) {
    let untyped = is_untyped_variable(node, shape);
    match &mut node.content {
        Content::Text(text) if untyped => node.content = parse_scalar(text),
        Content::Number(number) if shape.allows_type("integer") => {
            if let Some(whole) = whole(number) {
                *number = whole;
            }
        }
        Content::Map(entries) => {
            let known = shape.keys();
            entries.retain(|key, entry| {
                !(matches!(entry.node.content, Content::Null) && known.contains(&key.as_str()))
            });
            for (key, entry) in entries {
                let segment = Segment::Key(key.clone());
                if let Some(shape) = shape.child(&segment, Some(&entry.node)) {
                    normalize(&mut entry.node, &shape);
                }
            }
        }
        Content::List(items) => {
            for item in items {
                let segment = Segment::Index(item.index);
                if let Some(shape) = shape.child(&segment, Some(&item.node)) {
                    normalize(&mut item.node, &shape);
                }
            }
        }
        _ => {}
    }
}

/// Tells whether a text is one `${env.NAME}` and nothing else, where the schema wants no text.
fn is_untyped_variable(node: &Node, shape: &Shape<'_>) -> bool {
    is_whole_variable(node) && !shape.allows_type("string")
}

/// Tells whether a text is one `${env.NAME}` and nothing else.
pub(crate) fn is_whole_variable(node: &Node) -> bool {
    let whole = |template: &String| {
        template.starts_with("${env.") && template.find('}').is_some_and(|end| end + 1 == template.len())
    };
    node.written.as_ref().is_some_and(whole)
}

fn whole(number: &Number) -> Option<Number> {
    let value = number.as_f64().filter(|_| number.is_f64())?;
    if value.fract() != 0.0 || value.abs() > EXACT {
        return None;
    }
    // Without a fraction and within the exact range the text of the float is that of the integer.
    format!("{value:.0}").parse::<i64>().ok().map(Number::from)
}
