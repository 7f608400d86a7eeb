//! The configuration as a tree in which every value knows where it stands.

use crate::path::{Path, Segment};
use indexmap::IndexMap;
use serde_json::{Number, Value};

/// A place in one of the origins of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// Which layer or environment variable, as an index into the origins.
    pub(crate) origin: usize,
    /// The line, counted from 1; 0 when the origin has no lines.
    pub(crate) line: u64,
    /// The column, counted from 1; 0 when the origin has no lines.
    pub(crate) column: u64,
}

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) content: Content,
    pub(crate) position: Position,
    /// How the value was written: a number in its own notation, a text before variables were filled in.
    pub(crate) written: Option<String>,
}

/// What stands at a place.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Item>),
    Map(IndexMap<String, Entry>),
}

/// An element of a list; it keeps its number when others are taken out.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) index: usize,
    pub(crate) node: Node,
}

/// A value of a map with the place of its key.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key_position: Position,
    pub(crate) node: Node,
}

impl Node {
    pub(crate) fn new(content: Content, position: Position) -> Self {
        Self {
            content,
            position,
            written: None,
        }
    }

    /// Lays `over` on top of this value: maps are joined, everything else is replaced.
    pub(crate) fn merge(&mut self, over: Self) {
        match (&mut self.content, over) {
            (
                Content::Map(below),
                Self {
                    content: Content::Map(above),
                    ..
                },
            ) => {
                for (key, entry) in above {
                    match below.get_mut(&key) {
                        Some(known) => {
                            known.key_position = entry.key_position;
                            known.node.merge(entry.node);
                        }
                        None => {
                            below.insert(key, entry);
                        }
                    }
                }
            }
            (_, over) => *self = over,
        }
    }

    /// Finds a value; the numbers in the path are those of the original lists.
    pub(crate) fn get(&self, path: &Path) -> Option<&Self> {
        path.segments()
            .iter()
            .try_fold(self, |node, segment| node.child(segment))
    }

    pub(crate) fn get_mut(&mut self, path: &Path) -> Option<&mut Self> {
        path.segments()
            .iter()
            .try_fold(self, |node, segment| node.child_mut(segment))
    }

    /// The place of the key of a value, or of the value itself when it stands in a list.
    pub(crate) fn key_position(&self, path: &Path) -> Option<Position> {
        if let Some(Segment::Key(key)) = path.last() {
            return match &self.get(&path.parent())?.content {
                Content::Map(entries) => entries.get(key).map(|entry| entry.key_position),
                _ => None,
            };
        }
        self.get(path).map(|node| node.position)
    }

    /// Takes a value out of its map or list.
    pub(crate) fn remove(&mut self, path: &Path) {
        let Some(parent) = self.get_mut(&path.parent()) else {
            return;
        };
        match (&mut parent.content, path.last()) {
            (Content::Map(entries), Some(Segment::Key(key))) => {
                entries.shift_remove(key);
            }
            (Content::List(items), Some(Segment::Index(index))) => {
                items.retain(|item| item.index != *index);
            }
            _ => {}
        }
    }

    /// Calls `visit` with every value and its path, a parent before its children.
    pub(crate) fn visit_mut(&mut self, path: &Path, visit: &mut dyn FnMut(&Path, &mut Self)) {
        visit(path, self);
        match &mut self.content {
            Content::List(items) => {
                for item in items {
                    item.node.visit_mut(&path.index(item.index), visit);
                }
            }
            Content::Map(entries) => {
                for (key, entry) in entries {
                    entry.node.visit_mut(&path.key(key), visit);
                }
            }
            _ => {}
        }
    }

    /// The same value without places.
    pub(crate) fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(flag) => Value::Bool(*flag),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => items.iter().map(|item| item.node.to_json()).collect(),
            Content::Map(entries) => entries
                .iter()
                .map(|(key, entry)| (key.clone(), entry.node.to_json()))
                .collect(),
        }
    }

    /// Turns a path into the list positions of [`Self::to_json`] into one with the original numbers.
    pub(crate) fn original_path(&self, path: &Path) -> Path {
        let mut original = Path::root();
        let mut node = Some(self);
        for segment in path.segments() {
            let items = match node.map(|node| &node.content) {
                Some(Content::List(items)) => items.as_slice(),
                _ => &[],
            };
            let segment = match segment {
                Segment::Index(index) => Segment::Index(items.get(*index).map_or(*index, |item| item.index)),
                key @ Segment::Key(_) => key.clone(),
            };
            node = node.and_then(|node| node.child(&segment));
            original = original.with(segment);
        }
        original
    }

    fn child(&self, segment: &Segment) -> Option<&Self> {
        match (&self.content, segment) {
            (Content::Map(entries), Segment::Key(key)) => entries.get(key).map(|entry| &entry.node),
            (Content::List(items), Segment::Index(index)) => items
                .iter()
                .find(|item| item.index == *index)
                .map(|item| &item.node),
            _ => None,
        }
    }

    fn child_mut(&mut self, segment: &Segment) -> Option<&mut Self> {
        match (&mut self.content, segment) {
            (Content::Map(entries), Segment::Key(key)) => entries.get_mut(key).map(|entry| &mut entry.node),
            (Content::List(items), Segment::Index(index)) => items
                .iter_mut()
                .find(|item| item.index == *index)
                .map(|item| &mut item.node),
            _ => None,
        }
    }
}
