//! The rules of CEL expressions.

use super::Checker;
use super::expression_names::UnknownNames;
use crate::app::ResultExpression;
use crate::path::Path;
use crate::shape::quoted;
use cel::common::ast::{EntryExpr, Expr, IdedEntryExpr, IdedExpr};
use cel::{Env, ParseErrors};
use std::sync::Arc;
use std::thread;

/// How deep an expression may be: whoever evaluates it goes down into it on the stack of a common thread.
const DEEPEST: usize = 64;

/// The parser goes down about a hundred levels before it refuses, and needs much stack for each.
const STACK: usize = 64 * 1024 * 1024;

const ALLOWED: &str = "an expression of CEL, as in `json.items[0].name`";

/// Parses an expression and checks the names in it.
pub(super) fn validate(text: &str, path: &Path, checker: &mut Checker<'_>) -> Option<ResultExpression> {
    let environment = Arc::new(ResultExpression::functions());
    let expression = match parse(text, &environment) {
        Ok(expression) => expression,
        Err(reason) => {
            checker.invalid(path, reason, ALLOWED);
            return None;
        }
    };
    let unknown = UnknownNames::find(&expression, &ResultExpression::VARIABLES, &environment);
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
    is_known.then(|| ResultExpression::new(expression))
}

/// Parses on a thread whose stack is large enough for everything that the parser does not refuse.
pub(super) fn parse(text: &str, environment: &Env) -> Result<IdedExpr, String> {
    let parse = || {
        let program = environment.compile(text).map_err(|errors| reason(&errors))?;
        if depth(program.expression()) > DEEPEST {
            return Err(format!(
                "not a usable expression: it is nested more than {DEEPEST} levels deep"
            ));
        }
        Ok(program.expression().clone())
    };
    let parsed = thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK);
        match thread.spawn_scoped(scope, parse) {
            Ok(parsing) => parsing.join().ok(),
            Err(_) => None,
        }
    });
    parsed.unwrap_or_else(|| Err("not a usable expression: the parser fails".to_owned()))
}

fn depth(expression: &IdedExpr) -> usize {
    let inside = match &expression.expr {
        Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) => 0,
        Expr::Call(call) => call
            .target
            .iter()
            .map(|target| &**target)
            .chain(&call.args)
            .map(depth)
            .max()
            .unwrap_or(0),
        Expr::Select(select) => depth(&select.operand),
        Expr::List(list) => list.elements.iter().map(depth).max().unwrap_or(0),
        Expr::Map(map) => entries(&map.entries),
        Expr::Struct(structure) => entries(&structure.entries),
        Expr::Comprehension(each) => [
            &each.iter_range,
            &each.accu_init,
            &each.loop_cond,
            &each.loop_step,
            &each.result,
        ]
        .into_iter()
        .map(depth)
        .max()
        .unwrap_or(0),
    };
    inside + 1
}

fn entries(entries: &[IdedEntryExpr]) -> usize {
    let depths = entries.iter().map(|entry| match &entry.expr {
        EntryExpr::StructField(field) => depth(&field.value),
        EntryExpr::MapEntry(entry) => depth(&entry.key).max(depth(&entry.value)),
    });
    depths.max().unwrap_or(0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_that_is_nested_deeply_is_refused_and_no_danger() {
        let environment = ResultExpression::functions();
        for (open, close) in [
            ("(", ")"),
            ("[", "]"),
            ("{1:", "}"),
            ("!", ""),
            ("-", ""),
            ("size(", ")"),
            ("1+", ""),
            ("true&&", ""),
            ("true?1:", ""),
            ("true?", ":1"),
            ("[1].map(a,", ")"),
            ("1 in [", "]"),
            ("a[", "]"),
            ("a.a(", ")"),
        ] {
            let deep = 4000 / (open.len() + close.len());
            let text = format!("{}1{}", open.repeat(deep), close.repeat(deep));
            // Some of these are flat for the parser; what it makes of them is at most as deep as is allowed.
            match parse(&text, &environment) {
                Ok(expression) => assert!(depth(&expression) <= DEEPEST, "{open}"),
                Err(reason) => assert!(!reason.contains("the parser fails"), "{open}"),
            }
        }
        let chain = format!("json{}", ".a".repeat(1000));
        assert_eq!(
            parse(&chain, &environment).err().as_deref(),
            Some("not a usable expression: it is nested more than 64 levels deep")
        );
        assert!(parse(&format!("json{}", ".a".repeat(60)), &environment).is_ok());
    }
}
