//! Values that are not known before a deployment: variables without a default.
//!
//! They are guessed at in several ways, and only what is wrong for every guess is a mistake. A guess is never judged
//! itself ([`Mistakes::is_unknown`]); it is there so that everything around it can be judged.

use std::collections::HashSet;

use serde_json::{Number, Value};

use crate::mistakes::Mistakes;
use crate::normalize::is_whole_variable;
use crate::path::Path;
use crate::shape::Shape;
use crate::tree::{Content, Node};

/// One way to guess: each of its bits decides about another sort of value, so that four ways combine all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Guess(usize);

/// How many ways there are when no choice has more words.
const WAYS: usize = 4;

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

/// The ways to guess: every word of a choice is tried, since it may decide which keys stand beside it.
pub(crate) fn guesses(tree: &Node, unknown: &HashSet<Path>, schema: &Value) -> impl Iterator<Item = Guess> {
    let words = |path: &Path| Shape::find(schema, tree, path).map_or(0, |shape| shape.choices().len());
    let most = unknown.iter().map(words).max();
    // Without anything to guess one way is enough.
    (0..most.map_or(1, |words| words.max(WAYS))).map(Guess)
}

/// Puts a guess in the place of every unknown value.
pub(crate) fn fill_in(tree: &mut Node, guess: Guess, schema: &Value, mistakes: &Mistakes) {
    let specimens: Vec<(Path, Content)> = mistakes
        .unknown_paths()
        .filter_map(|path| Some((path.clone(), specimen(&Shape::find(schema, tree, path)?, guess)?)))
        .collect();
    for (path, value) in specimens {
        if let Some(node) = tree.get_mut(&path) {
            node.content = value;
        }
    }
}

/// A value that fits. The text with the variable itself is one too, but rules that read it may give up there.
fn specimen(shape: &Shape<'_>, Guess(way): Guess) -> Option<Content> {
    let (odd, high) = (way & 1 == 1, way & 2 == 2);
    let choices = shape.choices();
    if !choices.is_empty() {
        return Some(Content::Text(choices[way % choices.len()].to_owned()));
    }
    if shape.allows_type("string") || shape.allows_anything() {
        return shape
            .specimen()
            .filter(|_| !high)
            .map(|text| Content::Text(text.to_owned()));
    }
    if shape.allows_type("integer") || shape.allows_type("number") {
        let (lowest, highest) = shape.range();
        let bound = if high { highest } else { lowest };
        let unbounded = Number::from(if high { u32::MAX } else { 0 });
        let number = bound.and_then(Value::as_number).cloned();
        return Some(Content::Number(number.unwrap_or(unbounded)));
    }
    shape.allows_type("boolean").then_some(Content::Bool(odd))
}
