//! Values that are not known before a deployment: variables without a default.
//!
//! They are guessed at in several ways, and only what is wrong for every guess is a mistake. A guess is never judged
//! itself ([`Mistakes::is_unknown`]); it is there so that everything around it can be judged.

use std::collections::HashSet;

use serde_json::{Number, Value};

use crate::mistakes::Mistakes;
use crate::normalize::is_whole_variable;
use crate::path::{Path, Segment};
use crate::shape::Shape;
use crate::tree::{Content, Node};

/// What an unknown value is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guess {
    /// It does not stand there, so the default counts.
    Absent,
    /// The smallest number, `false`, the first choice.
    Lowest,
    /// The largest number, `true`, the last choice.
    Highest,
}

/// Picks those of the texts with variables that may be right for some value; the others are judged as they stand.
pub(crate) fn of(tree: &mut Node, paths: Vec<Path>, schema: &Value) -> HashSet<Path> {
    let (unknown, hopeless): (Vec<Path>, Vec<Path>) = paths
        .into_iter()
        .partition(|path| may_be_right(tree, path, schema));
    for path in hopeless {
        if let Some(node) = tree.get_mut(&path) {
            // Nothing was filled in, and nothing that could be would help.
            node.written = None;
        }
    }
    unknown.into_iter().collect()
}

/// A variable never stands for a list or a map, and only a whole text for a number or a boolean.
fn may_be_right(tree: &Node, path: &Path, schema: &Value) -> bool {
    let Some((shape, node)) = Shape::find(schema, tree, path).zip(tree.get(path)) else {
        return true;
    };
    let scalar = shape.allows_type("integer") || shape.allows_type("number") || shape.allows_type("boolean");
    shape.allows_type("string") || (scalar && is_whole_variable(node)) || shape.allows_anything()
}

/// Puts a guess in the place of every unknown value.
pub(crate) fn fill_in(tree: &mut Node, guess: Guess, schema: &Value, mistakes: &mut Mistakes) {
    for path in mistakes.unknown_paths() {
        let around = Shape::find(schema, tree, &path.parent());
        let shape = Shape::find(schema, tree, &path);
        let (Some(around), Some(shape)) = (around, shape) else {
            continue;
        };
        let optional = match path.last() {
            Some(Segment::Key(key)) => around.keys().contains(&key.as_str()) && !around.requires(key),
            _ => true,
        };
        if (guess == Guess::Absent && optional) || is_tag(&around, &path) {
            mistakes.remove(tree, path);
        } else if let Some(value) = specimen(&shape, guess)
            && let Some(node) = tree.get_mut(&path)
        {
            node.content = value;
        }
    }
}

/// Nothing can be said about a block whose tag is not known.
fn is_tag(around: &Shape<'_>, path: &Path) -> bool {
    matches!(path.last(), Some(Segment::Key(key)) if around.is_chosen_by(key))
}

/// A value that fits; a text needs none, as no type rules out the text with the variable itself.
fn specimen(shape: &Shape<'_>, guess: Guess) -> Option<Content> {
    let high = guess == Guess::Highest;
    let choices = shape.choices();
    let choice = if high { choices.last() } else { choices.first() };
    if let Some(choice) = choice {
        return Some(Content::Text((*choice).to_owned()));
    }
    if shape.allows_type("string") || shape.allows_anything() {
        return None;
    }
    if shape.allows_type("integer") || shape.allows_type("number") {
        let (lowest, highest) = shape.range();
        let bound = if high { highest } else { lowest };
        let unbounded = Number::from(if high { u32::MAX } else { 0 });
        let number = bound.and_then(Value::as_number).cloned();
        return Some(Content::Number(number.unwrap_or(unbounded)));
    }
    shape.allows_type("boolean").then_some(Content::Bool(high))
}
