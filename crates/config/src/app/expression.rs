//! Expressions that turn the answer of a backend into a result.

use cel::Env;
use cel::common::ast::operators::CONDITIONAL;
use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedEntryExpr, IdedExpr, LiteralValue};
use std::fmt;
use std::sync::Arc;

/// A CEL expression over `status`, `headers`, `json` and `text`, parsed.
#[derive(Clone)]
pub struct ResultExpression {
    expression: Arc<IdedExpr>,
}

impl ResultExpression {
    /// The names that an expression may use.
    pub const VARIABLES: [&'static str; 4] = ["status", "headers", "json", "text"];

    /// The function that every loop calls before each of its steps. Whoever evaluates the expression defines it; when it
    /// fails, the evaluation ends with its error. Nobody can write this name.
    pub const STEP: &'static str = "@step";

    pub(crate) fn new(mut expression: IdedExpr) -> Self {
        watch_loops(&mut expression);
        Self {
            expression: Arc::new(expression),
        }
    }

    /// The functions that an expression may use: those of the CEL standard and its extension for texts.
    pub fn functions() -> Env {
        let mut functions = Env::stdlib();
        functions
            .add_extension(cel::extensions::strings)
            .expect("nothing else declares the functions of this extension");
        functions
    }

    /// The parsed expression.
    pub fn expression(&self) -> &IdedExpr {
        &self.expression
    }
}

/// Puts a call of [`ResultExpression::STEP`] before each condition of a loop. Not joined by `&&`, which forgives errors.
fn watch_loops(expression: &mut IdedExpr) {
    match &mut expression.expr {
        Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) => {}
        Expr::Call(call) => call
            .target
            .iter_mut()
            .map(|target| &mut **target)
            .chain(&mut call.args)
            .for_each(watch_loops),
        Expr::Select(select) => watch_loops(&mut select.operand),
        Expr::List(list) => list.elements.iter_mut().for_each(watch_loops),
        Expr::Map(map) => map.entries.iter_mut().for_each(watch_entry),
        Expr::Struct(structure) => structure.entries.iter_mut().for_each(watch_entry),
        Expr::Comprehension(each) => {
            [
                &mut each.iter_range,
                &mut each.accu_init,
                &mut each.loop_cond,
                &mut each.loop_step,
                &mut each.result,
            ]
            .into_iter()
            .for_each(watch_loops);
            let condition = std::mem::take(&mut each.loop_cond);
            each.loop_cond = watched(condition);
        }
    }
}

fn watch_entry(entry: &mut IdedEntryExpr) {
    match &mut entry.expr {
        EntryExpr::StructField(field) => watch_loops(&mut field.value),
        EntryExpr::MapEntry(entry) => {
            watch_loops(&mut entry.key);
            watch_loops(&mut entry.value);
        }
    }
}

fn watched(condition: IdedExpr) -> IdedExpr {
    let id = condition.id;
    let call = |func_name: &str, args| IdedExpr {
        id,
        expr: Expr::Call(CallExpr {
            func_name: func_name.to_owned(),
            target: None,
            args,
        }),
    };
    let no = IdedExpr {
        id,
        expr: Expr::Literal(LiteralValue::Boolean(false.into())),
    };
    let step = call(ResultExpression::STEP, Vec::new());
    call(CONDITIONAL, vec![step, condition, no])
}

impl fmt::Debug for ResultExpression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ResultExpression(…)")
    }
}
