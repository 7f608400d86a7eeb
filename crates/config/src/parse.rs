//! YAML text into a tree with positions.

use crate::path::Path;
use crate::tree::{Content, Entry, Item, Node, Position};
use indexmap::IndexMap;
use indexmap::map::Entry as Slot;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy, Options, Spanned};
use std::fmt;

/// What a text that is not YAML is refused with.
pub(crate) struct SyntaxError {
    pub(crate) message: String,
    pub(crate) line: u64,
    pub(crate) column: u64,
}

/// Something in a text that is YAML but that no configuration should contain.
pub(crate) struct Oddity {
    pub(crate) path: Path,
    pub(crate) position: Position,
    pub(crate) kind: OddityKind,
}

/// What is odd.
pub(crate) enum OddityKind {
    /// The key stands in this map already, here.
    Duplicate { first: Position },
    /// The number is another one in YAML 1.1.
    LeadingZero(String),
    /// `<<`, which YAML 1.2 gave up.
    MergeKey,
}

const MERGE_KEY: &str = "<<";

/// Reads one text; of a key that stands twice the first value is kept.
pub(crate) fn parse(text: &str, origin: usize) -> Result<(Node, Vec<Oddity>), SyntaxError> {
    let parsed = read(text)?;
    let mut builder = Builder {
        origin,
        lines: text.split('\n').collect(),
        oddities: Vec::new(),
    };
    let node = builder.node(parsed, &Path::root());
    Ok((node, builder.oddities))
}

/// Reads on a thread of its own: each level of nesting costs the parser tens of kilobytes of stack in a debug build, and
/// nobody knows how much the caller has left.
fn read(text: &str) -> Result<Spanned<Parsed>, SyntaxError> {
    let parse = || serde_saphyr::from_str_with_options(text, options()).map_err(|error| syntax_error(&error));
    let failed = |message: &str| SyntaxError {
        message: message.to_owned(),
        line: 1,
        column: 1,
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .stack_size(PARSER_STACK)
            .spawn_scoped(scope, parse);
        match thread.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(parsed)) => parsed,
            Ok(Err(_)) => Err(failed("the parser gave up")),
            Err(error) => Err(failed(&format!("no thread for the parser: {error}"))),
        }
    })
}

/// Reads a text as one scalar: what YAML would not read as another scalar is the text itself.
pub(crate) fn parse_scalar(text: &str) -> Content {
    match serde_saphyr::from_str_with_options(text, options()) {
        // A comment alone is no value to YAML, but nobody sets a variable to a comment.
        Ok(Parsed::Null) if !text.trim_start().starts_with('#') => Content::Null,
        Ok(Parsed::Bool(flag)) => Content::Bool(flag),
        Ok(Parsed::Number(number)) if !has_leading_zero(text.trim()) => Content::Number(number),
        Ok(Parsed::Text(unquoted)) if text.trim_start().starts_with(['"', '\'']) => Content::Text(unquoted),
        _ => Content::Text(text.to_owned()),
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: DEEPEST },
        strict_booleans: true,
        // Every pair reaches the visitor, so that all duplicates are found and not only the first.
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

fn syntax_error(error: &serde_saphyr::Error) -> SyntaxError {
    let location = error.location();
    let (line, column) = location.map_or((1, 1), |location| (location.line(), location.column()));
    let plain = error.without_snippet();
    let message = match plain {
        serde_saphyr::Error::MultipleDocuments { .. } => {
            "a second document begins here; a layer is one document".to_owned()
        }
        serde_saphyr::Error::Budget {
            breach: BudgetBreach::Depth { .. },
            ..
        } => {
            format!("nested more than {DEEPEST} levels deep")
        }
        _ => plain.to_string(),
    };
    // The place is told apart from the message.
    let place = format!(" at line {line}, column {column}");
    let message = message.strip_suffix(&place).unwrap_or(&message).to_owned();
    SyntaxError {
        message,
        line,
        column,
    }
}

enum Parsed {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
}

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ParsedVisitor)
    }
}

struct ParsedVisitor;

impl<'de> Visitor<'de> for ParsedVisitor {
    type Value = Parsed;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Parsed, E> {
        Ok(Parsed::Null)
    }

    fn visit_none<E>(self) -> Result<Parsed, E> {
        Ok(Parsed::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Parsed, D::Error> {
        Parsed::deserialize(deserializer)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Parsed, E> {
        Ok(Parsed::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Parsed, E> {
        Ok(Parsed::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Parsed, E> {
        Ok(Parsed::Number(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Parsed, E> {
        Number::from_f64(number)
            .map(Parsed::Number)
            .ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Parsed, E> {
        Ok(Parsed::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Parsed, E> {
        Ok(Parsed::Text(text))
    }

    fn visit_bytes<E: serde::de::Error>(self, _bytes: &[u8]) -> Result<Parsed, E> {
        Err(E::custom("binary values have no place in a configuration"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Parsed, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Parsed::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Parsed, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = access.next_entry()? {
            pairs.push(pair);
        }
        if pairs.len() > MAXIMUM_KEYS {
            return Err(A::Error::custom("a map has too many keys"));
        }
        Ok(Parsed::Map(pairs))
    }
}

/// How deep blocks may lie in each other: no configuration needs half of it, and every step down costs stack.
const DEEPEST: usize = 64;

/// Several times what the parser needs for the deepest nesting that is allowed.
const PARSER_STACK: usize = 16 * 1024 * 1024;

/// Far above any configuration, low enough to keep a hostile file from exhausting memory later on.
const MAXIMUM_KEYS: usize = 1_000_000;

/// Turns what serde saw into the tree, and finds what serde cannot see.
struct Builder<'t> {
    origin: usize,
    lines: Vec<&'t str>,
    oddities: Vec<Oddity>,
}

impl Builder<'_> {
    fn position<T>(&self, spanned: &Spanned<T>) -> Position {
        Position {
            origin: self.origin,
            line: spanned.referenced.line(),
            column: spanned.referenced.column(),
        }
    }

    fn node(&mut self, parsed: Spanned<Parsed>, path: &Path) -> Node {
        let position = self.position(&parsed);
        let mut written = None;
        let content = match parsed.value {
            Parsed::Null => Content::Null,
            Parsed::Bool(flag) => Content::Bool(flag),
            Parsed::Number(number) => {
                written = self.number_as_written(position);
                if let Some(written) = written.as_ref().filter(|written| has_leading_zero(written)) {
                    let written = written.clone();
                    self.oddities.push(Oddity {
                        path: path.clone(),
                        position,
                        kind: OddityKind::LeadingZero(written),
                    });
                }
                Content::Number(number)
            }
            Parsed::Text(text) => Content::Text(text),
            Parsed::List(items) => {
                let items = items.into_iter().enumerate();
                let items = items.map(|(index, item)| Item {
                    index,
                    node: self.node(item, &path.index(index)),
                });
                Content::List(items.collect())
            }
            Parsed::Map(pairs) => self.map(pairs, path),
        };
        Node {
            content,
            position,
            written,
        }
    }

    fn map(&mut self, pairs: Vec<(Spanned<String>, Spanned<Parsed>)>, path: &Path) -> Content {
        let mut entries = IndexMap::with_capacity(pairs.len());
        for (key, value) in pairs {
            let key_position = self.position(&key);
            let path = path.key(key.value.clone());
            if key.value == MERGE_KEY {
                self.oddities.push(Oddity {
                    path,
                    position: key_position,
                    kind: OddityKind::MergeKey,
                });
                continue;
            }
            let node = self.node(value, &path);
            match entries.entry(key.value) {
                Slot::Vacant(slot) => {
                    slot.insert(Entry { key_position, node });
                }
                Slot::Occupied(mut slot) => {
                    let first = slot.get().key_position;
                    // Both maps are judged, so that the mistakes in the second are found as well.
                    if let (Content::Map(_), Content::Map(_)) = (&slot.get().node.content, &node.content) {
                        slot.get_mut().node.merge(node);
                    }
                    self.oddities.push(Oddity {
                        path,
                        position: key_position,
                        kind: OddityKind::Duplicate { first },
                    });
                }
            }
        }
        Content::Map(entries)
    }

    /// Reads a plain number out of the text again: the parser tells its value only.
    fn number_as_written(&self, position: Position) -> Option<String> {
        let line = usize::try_from(position.line).ok()?.checked_sub(1)?;
        let column = usize::try_from(position.column).ok()?.checked_sub(1)?;
        let rest = self.lines.get(line)?.chars().skip(column);
        let written: String = rest
            .take_while(|character| !character.is_whitespace() && !",]}".contains(*character))
            .collect();
        let starts_a_number = |character: char| character.is_ascii_digit() || "+-.".contains(character);
        written.starts_with(starts_a_number).then_some(written)
    }
}

/// Tells whether a number would be another one to a reader of YAML 1.1, where `012` is ten.
pub(crate) fn has_leading_zero(written: &str) -> bool {
    let digits = written.trim_start_matches(['+', '-']);
    digits.len() > 1
        && digits.starts_with('0')
        && digits
            .chars()
            .all(|character| character.is_ascii_digit() || character == '_')
}

#[cfg(test)]
mod tests;
