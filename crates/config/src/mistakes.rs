//! The collection of everything that is wrong with a configuration.

use crate::origin::Origin;
use crate::path::Path;
use crate::report::{Diagnostic, DiagnosticCode};
use crate::tree::{Node, Position};
use std::collections::HashSet;

/// A diagnostic before its place has a name.
#[derive(Debug, Clone)]
pub(crate) struct Mistake {
    pub(crate) code: DiagnosticCode,
    pub(crate) path: Path,
    pub(crate) position: Position,
    pub(crate) message: String,
    pub(crate) found: Option<String>,
    pub(crate) allowed: Option<String>,
    pub(crate) hint: Option<String>,
}

impl Mistake {
    pub(crate) fn new(
        code: DiagnosticCode,
        path: Path,
        position: Position,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            path,
            position,
            message: message.into(),
            found: None,
            allowed: None,
            hint: None,
        }
    }

    /// Tells whether two mistakes say the same about the same place.
    fn is_same(&self, other: &Self) -> bool {
        (self.position, &self.path, &self.message) == (other.position, &other.path, &other.message)
    }

    pub(crate) fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(found.into());
        self
    }

    pub(crate) fn allowed(mut self, allowed: impl Into<String>) -> Self {
        self.allowed = Some(allowed.into());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into();
        self
    }
}

/// Mistakes and warnings in the order in which they were found, and what was taken out because of them.
#[derive(Debug, Default)]
pub(crate) struct Mistakes {
    mistakes: Vec<Mistake>,
    warnings: Vec<Mistake>,
    removed: HashSet<Path>,
    unknown: HashSet<Path>,
}

impl Mistakes {
    /// Mistakes of a tree in which some values are not known: whether they fit cannot be said.
    ///
    /// `removed` has been taken out of it already.
    pub(crate) fn with_unknown(unknown: HashSet<Path>, removed: HashSet<Path>) -> Self {
        Self {
            unknown,
            removed,
            ..Self::default()
        }
    }

    pub(crate) fn add(&mut self, mistake: Mistake) {
        let judges_value = matches!(
            mistake.code,
            DiagnosticCode::InvalidValue | DiagnosticCode::WrongType
        );
        if !(judges_value && self.is_unknown(&mistake.path)) {
            self.mistakes.push(mistake);
        }
    }

    /// Where values are not known.
    pub(crate) fn unknown_paths(&self) -> impl Iterator<Item = &Path> {
        self.unknown.iter()
    }

    /// What was taken out because of a mistake.
    pub(crate) fn removed(&self) -> &HashSet<Path> {
        &self.removed
    }

    /// Tells whether the value at a path is not known.
    pub(crate) fn is_unknown(&self, path: &Path) -> bool {
        self.unknown.contains(path)
    }

    /// Keeps only what the others have found as well.
    pub(crate) fn retain_common(&mut self, other: &Self) {
        self.mistakes
            .retain(|mistake| other.mistakes.iter().any(|found| found.is_same(mistake)));
        self.warnings
            .retain(|warning| other.warnings.iter().any(|found| found.is_same(warning)));
    }

    /// Adds what was found elsewhere.
    pub(crate) fn extend(&mut self, other: Self) {
        self.mistakes.extend(other.mistakes);
        self.warnings.extend(other.warnings);
    }

    pub(crate) fn count(&self) -> usize {
        self.mistakes.len()
    }

    pub(crate) fn warn(&mut self, warning: Mistake) {
        self.warnings.push(warning);
    }

    /// Takes a wrong value out of the tree, so that the rest can be judged without it.
    pub(crate) fn remove(&mut self, tree: &mut Node, path: Path) {
        tree.remove(&path);
        self.removed.insert(path);
    }

    /// Tells whether a value is missing only because it was wrong.
    pub(crate) fn was_removed(&self, path: &Path) -> bool {
        self.removed.contains(path)
    }

    /// Names the places: mistakes and warnings, each in the order of the layers and their lines.
    pub(crate) fn into_diagnostics(self, origins: &[Origin]) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
        (
            diagnostics(self.mistakes, origins),
            diagnostics(self.warnings, origins),
        )
    }
}

/// The place of a key that is wrong, or of the block in which it is missing.
pub(crate) fn position_of_key(tree: &Node, path: &Path) -> Position {
    tree.key_position(path).unwrap_or_else(|| nearest(tree, path))
}

/// The place of a value, or of the closest block around it.
pub(crate) fn position_of_value(tree: &Node, path: &Path) -> Position {
    tree.get(path)
        .map_or_else(|| nearest(tree, path), |node| node.position)
}

fn nearest(tree: &Node, path: &Path) -> Position {
    let mut path = path.clone();
    while !path.is_root() {
        path = path.parent();
        if !path.is_root()
            && let Some(position) = tree.key_position(&path)
        {
            return position;
        }
    }
    tree.position
}

fn diagnostics(mut mistakes: Vec<Mistake>, origins: &[Origin]) -> Vec<Diagnostic> {
    mistakes.sort_by_key(|mistake| mistake.position);
    let mut diagnostics: Vec<Diagnostic> = Vec::with_capacity(mistakes.len());
    for mistake in mistakes {
        let known = |number: u64| (number > 0).then_some(number);
        let origin = origins.get(mistake.position.origin);
        let diagnostic = Diagnostic {
            code: mistake.code,
            source: origin.map(|origin| origin.label.clone()).unwrap_or_default(),
            line: known(mistake.position.line),
            column: known(mistake.position.column),
            path: mistake.path.to_string(),
            message: mistake.message,
            found: mistake.found,
            allowed: mistake.allowed,
            hint: mistake.hint,
        };
        if !diagnostics.contains(&diagnostic) {
            diagnostics.push(diagnostic);
        }
    }
    diagnostics
}
