//! Environment variables that override keys: `MCPG_GATEWAY__SERVER__MAX_SESSIONS=10`.

use crate::environment::Environment;
use crate::mistakes::{Mistake, Mistakes};
use crate::origin::Origin;
use crate::parse::parse_scalar;
use crate::path::{Path, Segment};
use crate::report::DiagnosticCode;
use crate::shape::{Shape, quoted};
use crate::suggest;
use crate::tree::{Content, Entry, Node, Position};
use indexmap::IndexMap;
use serde_json::Value;

const PREFIX: &str = "MCPG_";
const SEPARATOR: &str = "__";

/// Applies every override of the environment; each becomes an origin of its own.
pub(crate) fn apply(
    tree: &mut Node,
    origins: &mut Vec<Origin>,
    environment: &Environment,
    schema: &Value,
    mistakes: &mut Mistakes,
) {
    for (name, value) in environment.overrides() {
        let Some(keys) = name.strip_prefix(PREFIX).filter(|keys| keys.contains(SEPARATOR)) else {
            continue;
        };
        let position = Position {
            origin: origins.len(),
            line: 0,
            column: 0,
        };
        origins.push(Origin::variable(name));
        match find_path(tree, schema, keys, position) {
            Ok(path) => set(tree, &path, parse_scalar(value), position),
            Err(mistake) => mistakes.add(*mistake),
        }
    }
}

/// Turns the words of a variable's name into the path of a known key.
fn find_path(tree: &Node, schema: &Value, keys: &str, position: Position) -> Result<Path, Box<Mistake>> {
    let mut path = Path::root();
    let mut shape = Shape::of(schema, Some(tree));
    for word in keys.split(SEPARATOR) {
        let node = tree.get(&path);
        let segment =
            find_segment(word, node, &shape).map_err(|mistake| Box::new(mistake.at(&path, position)))?;
        path = path.with(segment.clone());
        shape = match shape.child(&segment, tree.get(&path)) {
            Some(shape) => shape,
            // Inside an opaque block every key is as good as another.
            None => Shape::of(&OPEN, None),
        };
    }
    Ok(path)
}

/// What an opaque block allows inside: everything.
static OPEN: std::sync::LazyLock<Value> =
    std::sync::LazyLock::new(|| serde_json::json!({ "type": "object" }));

fn find_segment(word: &str, node: Option<&Node>, shape: &Shape<'_>) -> Result<Segment, UnknownWord> {
    let content = node.map(|node| &node.content);
    let elements = match content {
        Some(Content::List(items)) => items.len(),
        _ => 0,
    };
    if shape.allows_type("array") {
        return match word.parse() {
            Ok(index) if index < elements => Ok(Segment::Index(index)),
            _ => Err(UnknownWord {
                word: word.to_lowercase(),
                allowed: numbers(elements),
                hint: None,
            }),
        };
    }
    let known = shape.keys();
    let in_tree = match content {
        Some(Content::Map(entries)) => entries.keys().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    let same = |candidate: &&&str| candidate.eq_ignore_ascii_case(word);
    if let Some(key) = known.iter().find(same) {
        return Ok(Segment::Key((*key).to_owned()));
    }
    if shape.is_open() && !word.is_empty() {
        let key = in_tree
            .iter()
            .find(same)
            .map_or_else(|| word.to_lowercase(), |key| (*key).to_owned());
        return Ok(Segment::Key(key));
    }
    let word = word.to_lowercase();
    let hint = suggest::closest(&word, &known).map(|key| format!("did you mean `{}`?", key.to_uppercase()));
    let allowed = if known.is_empty() {
        "nothing below this key".to_owned()
    } else {
        quoted(&known)
    };
    Err(UnknownWord { word, allowed, hint })
}

fn numbers(elements: usize) -> String {
    match elements {
        0 => "no element, because the list is empty".to_owned(),
        1 => "element 0".to_owned(),
        _ => format!("elements 0 to {}", elements - 1),
    }
}

/// A word of a variable's name that is no key.
struct UnknownWord {
    word: String,
    allowed: String,
    hint: Option<String>,
}

impl UnknownWord {
    fn at(self, parent: &Path, position: Position) -> Mistake {
        let message = "the variable sets a key that does not exist";
        let found = format!("`{}`", self.word);
        Mistake::new(
            DiagnosticCode::Environment,
            parent.key(self.word),
            position,
            message,
        )
        .found(found)
        .allowed(self.allowed)
        .hint(self.hint)
    }
}

fn set(tree: &mut Node, path: &Path, value: Content, position: Position) {
    let mut node = tree;
    for segment in path.segments() {
        let Segment::Key(key) = segment else {
            let Some(element) = node.get_mut(&Path::root().with(segment.clone())) else {
                return;
            };
            node = element;
            continue;
        };
        if !matches!(node.content, Content::Map(_)) {
            *node = Node::new(Content::Map(IndexMap::new()), position);
        }
        let Content::Map(entries) = &mut node.content else {
            return;
        };
        let entry = entries.entry(key.clone()).or_insert_with(|| Entry {
            key_position: position,
            node: Node::new(Content::Null, position),
        });
        node = &mut entry.node;
    }
    *node = Node::new(value, position);
}
