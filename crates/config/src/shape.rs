//! What the schema says about one place of the tree.

use crate::path::{Path, Segment};
use crate::tree::{Content, Node};
use serde_json::Value;

/// The parts of the schema that apply to one place: its own and those of the variant that its tag chose.
#[derive(Debug, Clone)]
pub(crate) struct Shape<'s> {
    parts: Vec<&'s Value>,
}

impl<'s> Shape<'s> {
    pub(crate) fn of(schema: &'s Value, node: Option<&Node>) -> Self {
        Self::joined(vec![schema], node)
    }

    /// Finds what applies to a path; the numbers in it are those of the original lists.
    pub(crate) fn find(schema: &'s Value, tree: &Node, path: &Path) -> Option<Self> {
        let mut shape = Self::of(schema, Some(tree));
        let mut here = Path::root();
        for segment in path.segments() {
            here = here.with(segment.clone());
            shape = shape.child(segment, tree.get(&here))?;
        }
        Some(shape)
    }

    /// What applies to a value inside, which need not exist.
    pub(crate) fn child(&self, segment: &Segment, node: Option<&Node>) -> Option<Self> {
        let named = |key: &str| -> Vec<&'s Value> {
            self.parts
                .iter()
                .filter_map(|part| part.get("properties")?.get(key))
                .collect()
        };
        let keyword = |keyword: &str| -> Vec<&'s Value> {
            self.parts
                .iter()
                .filter_map(|part| part.get(keyword).filter(|schema| schema.is_object()))
                .collect()
        };
        let parts = match segment {
            Segment::Index(_) => keyword("items"),
            Segment::Key(key) => match named(key) {
                parts if parts.is_empty() => keyword("additionalProperties"),
                parts => parts,
            },
        };
        (!parts.is_empty()).then(|| Self::joined(parts, node))
    }

    /// The keys that the schema names, in its order.
    pub(crate) fn keys(&self) -> Vec<&'s str> {
        let mut keys: Vec<&str> = Vec::new();
        for part in &self.parts {
            if let Some(Value::Object(properties)) = part.get("properties") {
                keys.extend(properties.keys().map(String::as_str));
            }
        }
        let mut seen = std::collections::HashSet::new();
        keys.retain(|key| seen.insert(*key));
        keys
    }

    /// A text that is right here, where the schema has one.
    pub(crate) fn specimen(&self) -> Option<&'s str> {
        let example = self.keyword("examples").and_then(|examples| examples.get(0));
        self.keyword("default").or(example).and_then(Value::as_str)
    }

    /// The bounds of a number, where the schema has them.
    pub(crate) fn range(&self) -> (Option<&'s Value>, Option<&'s Value>) {
        (self.keyword("minimum"), self.keyword("maximum"))
    }

    /// Tells whether keys beyond the named ones may stand here.
    pub(crate) fn is_open(&self) -> bool {
        self.allows_type("object")
            && self
                .parts
                .iter()
                .all(|part| part.get("additionalProperties") != Some(&Value::Bool(false)))
    }

    pub(crate) fn allows_type(&self, name: &str) -> bool {
        let allowed = |part: &&Value| match part.get("type") {
            Some(Value::String(only)) => only == name,
            Some(Value::Array(several)) => several.iter().any(|one| one == name),
            // An enumeration without a type holds texts.
            _ => name == "string" && part.get("enum").is_some(),
        };
        self.parts.iter().any(allowed)
    }

    /// Tells whether nothing is said about the type of what stands here.
    pub(crate) fn allows_anything(&self) -> bool {
        let says_something = |part: &&Value| part.get("type").is_some() || part.get("enum").is_some();
        !self.parts.iter().any(says_something)
    }

    /// The words of an enumeration; empty when the schema has none here.
    pub(crate) fn choices(&self) -> Vec<&'s str> {
        match self.keyword("enum") {
            Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Says in words what may stand here.
    pub(crate) fn describe(&self) -> String {
        let choices = self.choices();
        if !choices.is_empty() {
            return quoted(&choices);
        }
        let mut kinds = Vec::new();
        if self.allows_type("string") {
            kinds.push(self.describe_text());
        }
        if self.allows_type("integer") {
            kinds.push(self.describe_number());
        }
        if self.allows_type("boolean") {
            kinds.push("`true` or `false`".to_owned());
        }
        if self.allows_type("array") {
            kinds.push("a list".to_owned());
        }
        if self.allows_type("object") {
            let keys = self.keys();
            kinds.push(if keys.is_empty() {
                "a map".to_owned()
            } else {
                format!("a map with {}", quoted(&keys))
            });
        }
        kinds.join(" or ")
    }

    fn describe_text(&self) -> String {
        let length = |keyword| self.keyword(keyword).and_then(Value::as_u64);
        match (self.keyword("pattern"), length("minLength"), length("maxLength")) {
            (Some(Value::String(pattern)), ..) => format!("a text that matches `{pattern}`"),
            (_, Some(minimum), Some(maximum)) => format!("a text of {minimum} to {maximum} characters"),
            (_, Some(_), None) => "a text that is not empty".to_owned(),
            _ => "a text".to_owned(),
        }
    }

    fn describe_number(&self) -> String {
        match (self.keyword("minimum"), self.keyword("maximum")) {
            (Some(minimum), Some(maximum)) => format!("a whole number, {minimum}..={maximum}"),
            (Some(minimum), None) => format!("a whole number, at least {minimum}"),
            _ => "a whole number".to_owned(),
        }
    }

    fn keyword(&self, keyword: &str) -> Option<&'s Value> {
        self.parts.iter().find_map(|part| part.get(keyword))
    }

    fn joined(mut parts: Vec<&'s Value>, node: Option<&Node>) -> Self {
        let branches: Vec<&'s Value> = parts
            .iter()
            .filter_map(|part| part.get("allOf")?.as_array())
            .flatten()
            .filter(|branch| node.is_some_and(|node| is_chosen(branch, node)))
            .filter_map(|branch| branch.get("then"))
            .collect();
        parts.extend(branches);
        Self { parts }
    }
}

/// Tells whether the tag that a branch asks for stands in the value.
fn is_chosen(branch: &Value, node: &Node) -> bool {
    let Some(Value::Object(condition)) = branch.get("if").and_then(|condition| condition.get("properties"))
    else {
        return false;
    };
    condition.iter().all(|(tag, expected)| {
        let found = node.get(&Path::root().key(tag)).map(|node| &node.content);
        matches!((found, expected.get("const")), (Some(Content::Text(found)), Some(Value::String(expected))) if found == expected)
    })
}

/// Lists keys as people read them.
pub(crate) fn quoted(keys: &[&str]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    keys.join(", ")
}
