//! Fills `${env.NAME}` and `${env.NAME:-default}` into texts.
//!
//! Everything else in `${...}` belongs to whoever answers a request later and stays as it is.

use crate::environment::Environment;
use crate::mistakes::{Mistake, Mistakes};
use crate::path::Path;
use crate::report::DiagnosticCode;
use crate::tree::{Content, Node, Position};

const OPENING: &str = "${env.";

/// Why a text could not be filled in.
#[derive(Debug, PartialEq, Eq)]
enum Problem {
    /// The variable is not set and has no default.
    Unset(String),
    /// What stands in the braces is no variable.
    Malformed(String),
}

/// Fills in every text of the tree; texts that cannot be filled in are taken out.
pub(crate) fn apply(tree: &mut Node, environment: &Environment, mistakes: &mut Mistakes) {
    for (path, position, problem) in fill_tree(tree, environment) {
        mistakes.add(mistake(path.clone(), position, problem));
        mistakes.remove(tree, path);
    }
}

/// Fills in the defaults alone. Texts with a variable that has none stay as they are; they are returned.
pub(crate) fn apply_defaults(tree: &mut Node, mistakes: &mut Mistakes) -> Vec<Path> {
    let mut unknown = Vec::new();
    for (path, position, problem) in fill_tree(tree, &Environment::empty()) {
        match problem {
            Problem::Unset(_) => unknown.push(path),
            problem @ Problem::Malformed(_) => {
                mistakes.add(mistake(path.clone(), position, problem));
                mistakes.remove(tree, path);
            }
        }
    }
    for path in &unknown {
        if let Some(node) = tree.get_mut(path)
            && let Content::Text(template) = &node.content
        {
            node.written = Some(template.clone());
        }
    }
    unknown
}

/// What could not be filled in, and where.
type Unfilled = Vec<(Path, Position, Problem)>;

fn fill_tree(tree: &mut Node, environment: &Environment) -> Unfilled {
    let kind = Path::of_keys("cluster.kind");
    // What chooses the coordinator comes first: a problem in it is found again with the rest.
    let _ = fill_below(tree, &kind, environment);
    drop_ignored_settings(tree, &kind);
    fill_below(tree, &Path::root(), environment)
}

/// The built-in coordinator ignores every other key of its block, unset variables included.
fn drop_ignored_settings(tree: &mut Node, kind: &Path) {
    let built_in = |node: &Node| matches!(&node.content, Content::Text(kind) if kind == crate::app::Cluster::SINGLE_NODE);
    if tree.get(kind).is_some_and(built_in)
        && let Some(Node {
            content: Content::Map(entries),
            ..
        }) = tree.get_mut(&kind.parent())
    {
        entries.retain(|key, _| key == "kind");
    }
}

fn fill_below(tree: &mut Node, path: &Path, environment: &Environment) -> Unfilled {
    let mut wrong = Vec::new();
    if let Some(node) = tree.get_mut(path) {
        node.visit_mut(path, &mut |path, node| {
            let Content::Text(text) = &mut node.content else {
                return;
            };
            match fill(text, environment) {
                Ok(None) => {}
                Ok(Some(filled)) => node.written = Some(std::mem::replace(text, filled)),
                Err(problems) => {
                    let position = node.position;
                    wrong.extend(
                        problems
                            .into_iter()
                            .map(|problem| (path.clone(), position, problem)),
                    );
                }
            }
        });
    }
    wrong
}

fn mistake(path: Path, position: Position, problem: Problem) -> Mistake {
    match problem {
        Problem::Unset(name) => {
            let message = format!("the environment variable {name} is not set");
            Mistake::new(DiagnosticCode::Environment, path, position, message)
                .found(format!("`{OPENING}{name}}}`"))
                .allowed(format!(
                    "a variable that is set, or a default as in `{OPENING}{name}:-default}}`"
                ))
        }
        Problem::Malformed(text) => Mistake::new(
            DiagnosticCode::InvalidValue,
            path,
            position,
            "not a reference to an environment variable",
        )
        .found(format!("`{text}`"))
        .allowed("`${env.NAME}` or `${env.NAME:-default}`"),
    }
}

/// Fills in one text; `None` when there is nothing to fill in.
fn fill(text: &str, environment: &Environment) -> Result<Option<String>, Vec<Problem>> {
    if !text.contains(OPENING) {
        return Ok(None);
    }
    let mut filled = String::with_capacity(text.len());
    let mut problems = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPENING) {
        filled.push_str(before);
        let Some((inside, behind)) = after.split_once('}') else {
            problems.push(Problem::Malformed(format!("{OPENING}{after}")));
            rest = "";
            break;
        };
        match value_of(inside, environment) {
            Ok(value) => filled.push_str(value),
            Err(problem) => problems.push(problem),
        }
        rest = behind;
    }
    filled.push_str(rest);
    if problems.is_empty() {
        Ok(Some(filled))
    } else {
        Err(problems)
    }
}

/// As in a shell, a default with `:-` also stands in for a variable that is set but empty.
fn value_of<'v>(inside: &'v str, environment: &'v Environment) -> Result<&'v str, Problem> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let mut characters = name.chars();
    let starts = characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    if !starts || !characters.all(|character| character.is_ascii_alphanumeric() || character == '_') {
        return Err(Problem::Malformed(format!("{OPENING}{inside}}}")));
    }
    match (environment.get(name), default) {
        (None | Some(""), Some(default)) => Ok(default),
        (Some(value), _) => Ok(value),
        (None, None) => Err(Problem::Unset(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::{Problem, fill};
    use crate::Environment;

    fn filled(text: &str) -> Result<Option<String>, Vec<Problem>> {
        fill(text, &Environment::from_iter([("HOST", "box"), ("EMPTY", "")]))
    }

    #[test]
    fn variables_and_defaults_are_filled_in() {
        for (text, expected) in [
            ("${env.HOST}:80", "box:80"),
            ("${env.HOST:-other}", "box"),
            ("${env.NONE:-other}", "other"),
            ("${env.NONE:-}", ""),
            ("${env.EMPTY}", ""),
            ("${env.EMPTY:-other}", "other"),
            ("a${env.HOST}b${env.HOST}c", "aboxbboxc"),
            ("${env.HOST} ${arguments.x}", "box ${arguments.x}"),
        ] {
            assert_eq!(filled(text), Ok(Some(expected.to_owned())), "{text}");
        }
    }

    #[test]
    fn expressions_of_requests_stay_as_they_are() {
        for text in ["${arguments.x}", "${environment}", "$env.HOST", "plain"] {
            assert_eq!(filled(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn every_problem_of_a_text_is_found() {
        assert_eq!(
            filled("${env.A}${env.B-C}${env.D"),
            Err(vec![
                Problem::Unset("A".to_owned()),
                Problem::Malformed("${env.B-C}".to_owned()),
                Problem::Malformed("${env.D".to_owned()),
            ])
        );
    }

    #[test]
    fn a_value_is_not_filled_in_twice() {
        let environment = Environment::from_iter([("A", "${env.B}")]);
        assert_eq!(fill("${env.A}", &environment), Ok(Some("${env.B}".to_owned())));
    }
}
