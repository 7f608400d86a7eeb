//! The rules of CEL expressions.

use super::Checker;
use super::expression_names::UnknownNames;
use crate::app::ResultExpression;
use crate::path::Path;
use crate::shape::quoted;
use cel::ParseErrors;
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
    let functions = Arc::new(functions);
    let unknown = UnknownNames::find(program.expression(), &ResultExpression::VARIABLES, &functions);
    for name in &unknown.variables {
        checker.unknown_name(
            path,
            format!("the expression uses the unknown variable `{name}`"),
            quoted(&ResultExpression::VARIABLES),
            None,
        );
    }
    for name in &unknown.functions {
        checker.unknown_name(
            path,
            format!("the expression calls the unknown function `{name}`"),
            "the functions of the CEL standard and of its extension for texts",
            None,
        );
    }
    let is_known = unknown.variables.is_empty() && unknown.functions.is_empty();
    is_known.then(|| ResultExpression::new(&program))
}

fn reason(errors: &ParseErrors) -> String {
    // Where the syntax is wrong, what follows from that is of no interest.
    let of_syntax = errors
        .errors
        .iter()
        .find(|error| error.msg.starts_with("Syntax error"));
    let Some(first) = of_syntax.or(errors.errors.first()) else {
        return "not an expression".to_owned();
    };
    let (line, column) = first.pos;
    let message = first.msg.lines().next().unwrap_or_default();
    format!("not an expression: line {line}, column {column} of it: {message}")
}
