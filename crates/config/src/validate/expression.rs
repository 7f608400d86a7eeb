//! The rules of CEL expressions.

use super::Checker;
use crate::app::ResultExpression;
use crate::path::Path;
use crate::shape::quoted;
use cel::{Context, ParseErrors};
use std::sync::Arc;

/// Parses an expression and checks the names in it.
pub(super) fn validate(text: &str, path: &Path, checker: &mut Checker<'_>) -> Option<ResultExpression> {
    let functions = ResultExpression::functions();
    let program = match functions.compile(text) {
        Ok(program) => program,
        Err(errors) => {
            checker.invalid(
                path,
                reason(&errors),
                "an expression of CEL, as in `json.items[0].name`",
            );
            return None;
        }
    };
    let references = program.references();
    let mut variables = references.variables();
    variables.retain(|name| !ResultExpression::VARIABLES.contains(name));
    // What the parser makes of macros has names that nobody can write.
    variables.retain(|name| !name.starts_with(['@', '_']));
    variables.sort_unstable();
    for name in &variables {
        checker.unknown_name(
            path,
            format!("the expression uses the unknown variable `{name}`"),
            quoted(&ResultExpression::VARIABLES),
            None,
        );
    }
    let mut unknown = references.functions();
    let functions = Arc::new(functions);
    unknown.retain(|name| is_word(name) && !is_known(&functions, name));
    unknown.sort_unstable();
    for name in &unknown {
        checker.unknown_name(
            path,
            format!("the expression calls the unknown function `{name}`"),
            "the functions of the CEL standard and of its extension for texts",
            None,
        );
    }
    (variables.is_empty() && unknown.is_empty()).then(|| ResultExpression::new(program))
}

/// Operators are functions too, but with names that are no words.
fn is_word(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// Only a function that is declared already cannot be added.
fn is_known(functions: &Arc<cel::Env>, name: &str) -> bool {
    let mut context = Context::with_env(Arc::clone(functions));
    context.add_function(name, || true).is_err()
}

fn reason(errors: &ParseErrors) -> String {
    let Some(first) = errors.errors.first() else {
        return "not an expression".to_owned();
    };
    let (line, column) = first.pos;
    let message = first.msg.lines().next().unwrap_or_default();
    format!("not an expression: line {line}, column {column} of it: {message}")
}
