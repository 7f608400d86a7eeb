//! Reads the layers and lays them on top of each other.

use crate::mistakes::{Mistake, Mistakes};
use crate::origin::Origin;
use crate::parse::{self, Oddity, OddityKind};
use crate::path::Path;
use crate::report::DiagnosticCode;
use crate::source::Source;
use crate::tree::{Content, Node, Position};
use indexmap::IndexMap;

/// Reads every layer. `None` when one of them gave no tree; its mistake is in `mistakes`.
pub(crate) fn read(sources: &[Source], mistakes: &mut Mistakes) -> Option<(Node, Vec<Origin>)> {
    let origins = Origin::layers(sources);
    let mut tree = Node::new(Content::Map(IndexMap::new()), start_of(0));
    let mut complete = true;
    for (index, source) in sources.iter().enumerate() {
        match read_layer(source, index, mistakes) {
            // A layer without a value changes nothing.
            Some(Node {
                content: Content::Null,
                ..
            }) => {}
            Some(layer) => tree.merge(layer),
            None => complete = false,
        }
    }
    complete.then_some((tree, origins))
}

fn read_layer(source: &Source, index: usize, mistakes: &mut Mistakes) -> Option<Node> {
    let root = Path::root();
    let bytes = match source.read() {
        Ok(bytes) => bytes,
        Err(error) => {
            let nowhere = Position {
                line: 0,
                column: 0,
                ..start_of(index)
            };
            let message = format!("cannot be read: {error}");
            mistakes.add(Mistake::new(DiagnosticCode::Unreadable, root, nowhere, message));
            return None;
        }
    };
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let position = end_of(&String::from_utf8_lossy(valid), index);
            mistakes.add(Mistake::new(
                DiagnosticCode::Syntax,
                root,
                position,
                "the file is not UTF-8 from here on",
            ));
            return None;
        }
    };
    match parse::parse(&text, index) {
        Ok((node, oddities)) => {
            for oddity in oddities {
                mistakes.add(odd(oddity));
            }
            Some(node)
        }
        Err(error) => {
            let position = Position {
                origin: index,
                line: error.line,
                column: error.column,
            };
            let message = format!("not valid YAML: {}", error.message);
            mistakes.add(Mistake::new(DiagnosticCode::Syntax, root, position, message));
            None
        }
    }
}

fn odd(oddity: Oddity) -> Mistake {
    let Oddity { path, position, kind } = oddity;
    match kind {
        OddityKind::Duplicate { first } => Mistake::new(
            DiagnosticCode::DuplicateKey,
            path,
            position,
            "the key stands twice in the same map",
        )
        .found(format!("first at line {}, column {}", first.line, first.column))
        .allowed("every key once")
        .hint("keep one of the two".to_owned()),
        OddityKind::LeadingZero(written) => {
            let decimal = written.trim_start_matches(['0', '_']);
            let decimal = if decimal.is_empty() { "0" } else { decimal };
            let message = "a number with a leading zero means different things to different readers";
            Mistake::new(DiagnosticCode::InvalidValue, path, position, message)
                .found(format!("`{written}`"))
                .allowed("a number without leading zeros")
                .hint(format!(
                    "write `{decimal}` for the number or `\"{written}\"` for the text"
                ))
        }
        OddityKind::MergeKey => {
            let message = "merge keys are not part of YAML 1.2";
            Mistake::new(DiagnosticCode::UnknownKey, path, position, message)
                .found("`<<`")
                .allowed("keys of the schema")
                .hint("write the keys out, or put what is shared into a layer of its own".to_owned())
        }
    }
}

/// The place behind a text.
fn end_of(text: &str, origin: usize) -> Position {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let column = text.rsplit('\n').next().map_or(0, |line| line.chars().count());
    Position {
        origin,
        line: count(text.split('\n').count()),
        column: count(column + 1),
    }
}

fn start_of(origin: usize) -> Position {
    Position {
        origin,
        line: 1,
        column: 1,
    }
}
