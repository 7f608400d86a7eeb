//! Where the keys of a loaded configuration stand, for mistakes that are found after loading.

use crate::found;
use crate::mistakes::{Mistake, Mistakes, position_of_key};
use crate::normalize::is_whole_variable;
use crate::origin::Origin;
use crate::parse::parse_scalar;
use crate::path::{Path, Segment};
use crate::report::{Diagnostic, DiagnosticCode};
use crate::shape::{Shape, quoted};
use crate::suggest;
use crate::tree::{Content, Node};
use serde_json::Value;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Knows the file, line and column of every key of a loaded configuration.
#[derive(Clone)]
pub struct Places(Arc<(Node, Vec<Origin>)>);

impl Places {
    pub(crate) fn new(tree: Node, origins: Vec<Origin>) -> Self {
        Self(Arc::new((tree, origins)))
    }

    /// What a text of a block stands for when it is no text: one that was a `${env.NAME}` and nothing else may be a number or a
    /// boolean, which only who understands the block can tell.
    pub fn scalar(&self, block: &str, pointer: &str) -> Option<Value> {
        let (tree, _) = &*self.0;
        let node = tree.get(&follow(tree, Path::of_keys(block), pointer))?;
        match &node.content {
            Content::Text(text) if is_whole_variable(node) => {
                let scalar = Node::new(parse_scalar(text), node.position).to_json();
                (!scalar.is_string()).then_some(scalar)
            }
            _ => None,
        }
    }

    /// Places a relative path in the folder of the file that it was written in.
    pub fn resolve(&self, block: &str, pointer: &str, path: &str) -> PathBuf {
        let (tree, origins) = &*self.0;
        let node = tree.get(&follow(tree, Path::of_keys(block), pointer));
        let origin = node.and_then(|node| origins.get(node.position.origin));
        let path = std::path::Path::new(path);
        origin.map_or_else(|| path.to_path_buf(), |origin| origin.resolve(path))
    }

    /// The merged configuration as it is written, without defaults. It may hold credentials.
    pub fn values(&self) -> Value {
        self.0.0.to_json()
    }

    /// Places a mistake as [`mistake`](Self::mistake) does, and says with the schema of the block what was found, what is
    /// allowed and which key was probably meant.
    pub fn explained_mistake(
        &self,
        block: &str,
        pointer: &str,
        message: impl Into<String>,
        schema: &Value,
    ) -> Diagnostic {
        let (tree, _) = &*self.0;
        let block_path = Path::of_keys(block);
        let path = follow(tree, block_path.clone(), pointer);
        let mut mistake = self.mistake(block, pointer, message);
        let mut shape = Some(Shape::of(schema, tree.get(&block_path)));
        let mut here = block_path.clone();
        for segment in &path.segments()[block_path.segments().len()..] {
            let Some(around) = shape else { break };
            here = here.with(segment.clone());
            shape = around.child(segment, tree.get(&here));
            if let Segment::Key(key) = segment
                && !around.keys().contains(&key.as_str())
            {
                return unknown_key(mistake, key, &around);
            }
        }
        let found = tree.get(&path).map(|node| found::describe(&path, node));
        mistake.found = Some(found.unwrap_or_else(|| "nothing".to_owned()));
        mistake.allowed = shape
            .map(|shape| shape.describe())
            .filter(|allowed| !allowed.is_empty());
        mistake
    }

    /// Places a mistake that was found in a block by who understands its keys.
    ///
    /// `block` has dots between its keys, as in `cluster`; `pointer` is a JSON pointer into the block. What stands there is
    /// not shown: it may be a secret.
    pub fn mistake(&self, block: &str, pointer: &str, message: impl Into<String>) -> Diagnostic {
        let (tree, origins) = &*self.0;
        let path = follow(tree, Path::of_keys(block), pointer);
        let position = position_of_key(tree, &path);
        let mistake = Mistake::new(DiagnosticCode::InvalidValue, path, position, message);
        let mut mistakes = Mistakes::default();
        mistakes.add(mistake);
        let (mut placed, _) = mistakes.into_diagnostics(origins);
        placed.remove(0)
    }
}

/// Says of a key that the schema does not name which one was probably meant.
fn unknown_key(mut mistake: Diagnostic, key: &str, around: &Shape<'_>) -> Diagnostic {
    let known = around.keys();
    // The plugin may have said it already.
    let close = suggest::closest(key, &known).filter(|_| !mistake.message.contains("did you mean"));
    mistake.hint = close.map(|close| format!("did you mean `{close}`?"));
    mistake.found = Some(format!("`{key}`"));
    if !around.is_open() {
        mistake.code = DiagnosticCode::UnknownKey;
        "unknown key".clone_into(&mut mistake.message);
        mistake.allowed = Some(quoted(&known));
    }
    mistake
}

/// Shows nothing of what it knows: values may be secrets.
impl fmt::Debug for Places {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Places").finish_non_exhaustive()
    }
}

/// Appends a JSON pointer to a path; a number is an element where a list stands, and a key elsewhere.
fn follow(tree: &Node, block: Path, pointer: &str) -> Path {
    pointer.split('/').skip(1).fold(block, |path, token| {
        let token = token.replace("~1", "/").replace("~0", "~");
        let in_list = matches!(tree.get(&path).map(|node| &node.content), Some(Content::List(_)));
        match token.parse() {
            Ok(index) if in_list => path.index(index),
            _ => path.with(Segment::Key(token)),
        }
    })
}

#[cfg(test)]
mod tests {
    use crate::{Environment, Source, load};

    #[test]
    fn only_a_whole_variable_may_stand_for_something_else_than_text() {
        let source = Source::Text {
            label: "a.yaml".to_owned(),
            text: "cluster: {kind: own, a: '${env.A}', b: 'x${env.A}', c: '5', d: '${env.D}'}\n\
                   plugins: [{id: dev.mcpg.cluster.own, source: {path: a.so}}]"
                .to_owned(),
            folder: "conf".into(),
        };
        let environment = Environment::from_iter([("A", "5"), ("D", "five")]);
        let places = load(&[source], &environment).expect("it is right").places;
        assert_eq!(places.scalar("cluster", "/a"), Some(serde_json::json!(5)));
        for pointer in ["/b", "/c", "/d", "/none"] {
            assert_eq!(places.scalar("cluster", pointer), None, "{pointer}");
        }
        let resolved = places.resolve("cluster", "/a", "b/c.pem");
        assert_eq!(resolved, std::path::Path::new("conf/b/c.pem"));
    }

    #[test]
    fn a_schema_says_more_about_a_mistake_and_never_what_a_value_is() {
        let source = Source::Text {
            label: "a.yaml".to_owned(),
            text: "cluster: {kind: own, passwrod: s3cret, ttl: s3cret, tls: {ca_crt: a}}\n\
                   plugins: [{id: dev.mcpg.cluster.own, source: {path: a.so}}]"
                .to_owned(),
            folder: "".into(),
        };
        let places = load(&[source], &Environment::empty())
            .expect("it is right")
            .places;
        let schema = serde_json::json!({
            "type": "object", "additionalProperties": false,
            "properties": {
                "password": {"type": "string"}, "ttl": {"type": "integer", "minimum": 1},
                "tls": {"type": "object", "properties": {"ca_cert": {"type": "string"}}},
            },
        });
        let explained = |pointer, message| {
            let mistake = places.explained_mistake("cluster", pointer, message, &schema);
            assert!(!mistake.to_string().contains("s3cret"), "{mistake}");
            mistake.to_string().replace("a.yaml:1:", "")
        };
        for (pointer, message, expected) in [
            (
                "/passwrod",
                "no such key",
                "22: cluster.passwrod: unknown key\n  found:   `passwrod`\n  allowed: `password`, `ttl`, `tls`\n  hint:    did you mean `password`?",
            ),
            (
                "/password",
                "missing",
                "1: cluster.password: missing\n  found:   nothing\n  allowed: a text",
            ),
            (
                "/ttl",
                "too soon",
                "40: cluster.ttl: too soon\n  found:   a value that is not shown here\n  allowed: a whole number, at least 1",
            ),
            (
                "/tls/ca_crt",
                "not known",
                "59: cluster.tls.ca_crt: not known\n  found:   `ca_crt`\n  hint:    did you mean `ca_cert`?",
            ),
            (
                "/tls/ca_crt",
                "did you mean ca_cert?",
                "59: cluster.tls.ca_crt: did you mean ca_cert?\n  found:   `ca_crt`",
            ),
        ] {
            assert_eq!(explained(pointer, message), expected);
        }
    }

    #[test]
    fn a_mistake_gets_the_place_of_its_key_or_of_the_block_around_it() {
        let source = Source::Text {
            label: "a.yaml".to_owned(),
            text: "cluster:\n  kind: own\n  nested:\n    list: [1, {a/b: 2}]\nplugins:\n- {id: dev.mcpg.cluster.own, source: {path: a.so}}\n".to_owned(),
            folder: "".into(),
        };
        let loaded = load(&[source], &Environment::default()).expect("it is right");
        for (pointer, path, place) in [
            ("/kind", "cluster.kind", (2, 3)),
            ("/nested/list/1/a~1b", "cluster.nested.list[1][\"a/b\"]", (4, 16)),
            ("/nested/missing", "cluster.nested.missing", (3, 3)),
            ("", "cluster", (1, 1)),
        ] {
            let mistake = loaded.places.mistake("cluster", pointer, "is wrong");
            assert_eq!(mistake.path, path);
            assert_eq!(
                (mistake.line, mistake.column),
                (Some(place.0), Some(place.1)),
                "{path}"
            );
            assert_eq!(mistake.source, "a.yaml");
        }
    }
}
