//! Checks the tree against the schema and says in words what is wrong.

use crate::found;
use crate::mistakes::{Mistake, Mistakes, position_of_key, position_of_value};
use crate::parse::has_leading_zero;
use crate::path::{Path, Segment};
use crate::report::DiagnosticCode;
use crate::shape::{Shape, quoted};
use crate::suggest;
use crate::tree::{Content, Node};
use indexmap::IndexMap;
use jsonschema::error::ValidationErrorKind;
use jsonschema::paths::LocationSegment;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

/// Reports everything that does not fit the schema and takes it out of the tree, until what is left fits.
pub(crate) fn apply(tree: &mut Node, schema: &Value, validator: &Validator, mistakes: &mut Mistakes) {
    loop {
        let json = tree.to_json();
        let mut wrong = Vec::new();
        for error in validator.iter_errors(&json) {
            let mut judge = Judge {
                tree,
                schema,
                mistakes,
            };
            wrong.extend(judge.report(&json, &error));
        }
        if wrong.is_empty() {
            return;
        }
        let can_go = |path: &Path| !path.is_root() && tree.get(path).is_some();
        if !wrong.iter().any(can_go) {
            // Nothing can be judged about a file that is no map.
            *tree = Node::new(Content::Map(IndexMap::new()), tree.position);
            return;
        }
        for path in wrong {
            mistakes.remove(tree, path);
        }
    }
}

/// Says what is wrong at one place.
struct Judge<'c> {
    tree: &'c Node,
    schema: &'c Value,
    mistakes: &'c mut Mistakes,
}

impl Judge<'_> {
    /// Reports one error and returns what has to go because of it.
    fn report(&mut self, json: &Value, error: &ValidationError<'_>) -> Vec<Path> {
        let path = self.tree.original_path(&path_in(json, error));
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let keys = unexpected.iter().map(|key| path.key(key));
                keys.inspect(|key| self.unknown_key(&path, key)).collect()
            }
            ValidationErrorKind::Required { property } => {
                let missing = path.key(property.as_str().unwrap_or_default());
                if !self.mistakes.was_removed(&missing) {
                    self.missing_key(&path, missing);
                }
                vec![path]
            }
            // What a variable without a known value stands for cannot be wrong.
            _ if self.mistakes.is_unknown(&path) => Vec::new(),
            kind => {
                let code = match kind {
                    ValidationErrorKind::Type { .. } => DiagnosticCode::WrongType,
                    _ => DiagnosticCode::InvalidValue,
                };
                self.wrong_value(&path, code, error);
                vec![path]
            }
        }
    }

    fn unknown_key(&mut self, block: &Path, path: &Path) {
        let Some(Segment::Key(key)) = path.last() else {
            return;
        };
        let known = Shape::find(self.schema, self.tree, block)
            .map(|shape| shape.keys())
            .unwrap_or_default();
        let hint = match suggest::closest(key, &known) {
            Some(close) => Some(format!("did you mean `{close}`?")),
            None => suggest::block_of(key, block, self.schema)
                .map(|block| format!("`{key}` belongs under `{block}`")),
        };
        let position = position_of_key(self.tree, path);
        self.mistakes.add(
            Mistake::new(DiagnosticCode::UnknownKey, path.clone(), position, "unknown key")
                .found(format!("`{key}`"))
                .allowed(quoted(&known))
                .hint(hint),
        );
    }

    fn missing_key(&mut self, block: &Path, missing: Path) {
        let position = position_of_key(self.tree, block);
        let allowed = Shape::find(self.schema, self.tree, &missing).map(|shape| shape.describe());
        let mut mistake = Mistake::new(
            DiagnosticCode::MissingKey,
            missing,
            position,
            "required key is missing",
        )
        .found("nothing");
        mistake.allowed = allowed.filter(|allowed| !allowed.is_empty());
        self.mistakes.add(mistake);
    }

    fn wrong_value(&mut self, path: &Path, code: DiagnosticCode, error: &ValidationError<'_>) {
        let shape = Shape::find(self.schema, self.tree, path);
        let node = self.tree.get(path);
        let message = match (code, error.kind()) {
            (DiagnosticCode::WrongType, _) => "wrong type".to_owned(),
            (_, ValidationErrorKind::Enum { .. } | ValidationErrorKind::Constant { .. }) => {
                "unknown value".to_owned()
            }
            (_, ValidationErrorKind::Minimum { .. } | ValidationErrorKind::Maximum { .. }) => {
                "out of range".to_owned()
            }
            (_, ValidationErrorKind::Pattern { .. }) => "not in the required form".to_owned(),
            (_, ValidationErrorKind::MinLength { .. }) => "too short".to_owned(),
            (_, ValidationErrorKind::MaxLength { .. }) => "too long".to_owned(),
            _ => error.masked().to_string(),
        };
        let mut mistake = Mistake::new(code, path.clone(), position_of_value(self.tree, path), message);
        mistake.found = node.map(|node| found::describe(path, node));
        mistake.allowed = shape.as_ref().map(Shape::describe);
        mistake.hint = node.zip(shape).and_then(|(node, shape)| remedy(node, &shape));
        self.mistakes.add(mistake);
    }
}

/// Says how the value was probably meant.
fn remedy(node: &Node, shape: &Shape<'_>) -> Option<String> {
    match &node.content {
        Content::Text(text) if shape.allows_type("boolean") => match text.to_lowercase().as_str() {
            "yes" | "on" | "y" | "true" => Some("write `true`".to_owned()),
            "no" | "off" | "n" | "false" => Some("write `false`".to_owned()),
            _ => None,
        },
        Content::Text(text) if shape.allows_type("integer") && has_leading_zero(text) => {
            Some("leave out the leading zero".to_owned())
        }
        Content::Text(text) if shape.allows_type("integer") && text.parse::<i64>().is_ok() => {
            Some("leave out the quotes".to_owned())
        }
        Content::Text(text) => {
            let close = suggest::closest(text, &shape.choices())?;
            Some(format!("did you mean `{close}`?"))
        }
        Content::Number(_) | Content::Bool(_)
            if shape.allows_type("string") && !shape.allows_type("integer") && shape.choices().is_empty() =>
        {
            Some("put the value in quotes".to_owned())
        }
        _ => None,
    }
}

/// The place of an error. A pointer does not tell the key `0` from the first element; the value does.
fn path_in(json: &Value, error: &ValidationError<'_>) -> Path {
    let mut path = Path::root();
    let mut value = Some(json);
    for segment in error.instance_path() {
        let (segment, inner) = match (segment, value) {
            (LocationSegment::Index(index), Some(Value::Array(items))) => {
                (Segment::Index(index), items.get(index))
            }
            (LocationSegment::Index(index), value) => {
                let key = index.to_string();
                let inner = value.and_then(|value| value.get(&key));
                (Segment::Key(key), inner)
            }
            (LocationSegment::Property(key), value) => {
                let inner = value.and_then(|value| value.get(key.as_ref()));
                (Segment::Key(key.into_owned()), inner)
            }
        };
        path = path.with(segment);
        value = inner;
    }
    path
}
