//! The names in a CEL expression that stand for nothing.

use cel::common::ast::{EntryExpr, Expr, IdedEntryExpr, IdedExpr};
use cel::{Context, Env};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Names of an expression that nobody defines.
#[derive(Default)]
pub(super) struct UnknownNames<'e> {
    pub(super) variables: BTreeSet<&'e str>,
    pub(super) functions: BTreeSet<&'e str>,
    /// The variables of the loops around the place that is looked at.
    loops: Vec<&'e str>,
}

impl<'e> UnknownNames<'e> {
    /// Finds the names in an expression that are neither `known` variables nor of the environment.
    pub(super) fn find(expression: &'e IdedExpr, known: &[&str], environment: &Arc<Env>) -> Self {
        let mut names = Self::default();
        names.visit(expression);
        names
            .variables
            .retain(|name| !known.contains(name) && environment.types().find_type(name).is_none());
        names
            .functions
            .retain(|name| is_word(name) && !is_function(environment, name));
        names
    }

    fn visit(&mut self, expression: &'e IdedExpr) {
        match &expression.expr {
            Expr::Unspecified | Expr::Literal(_) => {}
            Expr::Ident(name) => {
                let name = name.trim_start_matches('.');
                // What macros are made of has names that nobody can write.
                if !name.starts_with('@') && !self.loops.contains(&name) {
                    self.variables.insert(name);
                }
            }
            Expr::Call(call) => {
                self.functions.insert(&call.func_name);
                call.target.iter().for_each(|target| self.visit(target));
                call.args.iter().for_each(|arg| self.visit(arg));
            }
            Expr::Select(select) => self.visit(&select.operand),
            Expr::List(list) => list.elements.iter().for_each(|element| self.visit(element)),
            Expr::Map(map) => self.visit_entries(&map.entries),
            Expr::Struct(structure) => self.visit_entries(&structure.entries),
            Expr::Comprehension(each) => {
                self.visit(&each.iter_range);
                self.visit(&each.accu_init);
                let outside = self.loops.len();
                self.loops.push(&each.iter_var);
                self.loops.extend(each.iter_var2.as_deref());
                self.loops.push(&each.accu_var);
                for inside in [&each.loop_cond, &each.loop_step, &each.result] {
                    self.visit(inside);
                }
                self.loops.truncate(outside);
            }
        }
    }

    fn visit_entries(&mut self, entries: &'e [IdedEntryExpr]) {
        for entry in entries {
            match &entry.expr {
                EntryExpr::StructField(field) => self.visit(&field.value),
                EntryExpr::MapEntry(entry) => {
                    self.visit(&entry.key);
                    self.visit(&entry.value);
                }
            }
        }
    }
}

/// Operators are functions too, but with names that are no words.
fn is_word(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// Only a function that is declared already cannot be added.
fn is_function(environment: &Arc<Env>, name: &str) -> bool {
    let mut context = Context::with_env(Arc::clone(environment));
    context.add_function(name, || true).is_err()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::app::ResultExpression;

    fn unknown(text: &str) -> (Vec<String>, Vec<String>) {
        let environment = Arc::new(ResultExpression::functions());
        let expression = crate::validate::expression::parse(text, &environment).unwrap();
        let names = UnknownNames::find(&expression, &ResultExpression::VARIABLES, &environment);
        let owned = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
        (owned(names.variables), owned(names.functions))
    }

    #[test]
    fn what_an_expression_may_use_is_known() {
        for text in [
            "status == 200 && size(text) > 0 ? json : headers['x']",
            "json.items.filter(i, i.n > 1).map(i, i.name).join(', ')",
            "json.a.exists(x, json.b.all(y, x == y)) || has(json.c)",
            "type(json) == string || int('1') in [1, 2u] || {'a': json.b}.a == 1.5",
            "text.split(',')[0].trim().lowerAscii().matches('^a') ? text.contains('b') : text.startsWith('c')",
            "string(status) + text.replace('a', 'b') + text.substring(1)",
            "bool('true') && double(1) == 1.0 && text.endsWith('x')",
        ] {
            assert_eq!(unknown(text), (vec![], vec![]), "{text}");
        }
    }

    #[test]
    fn other_names_are_found() {
        let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            unknown("body.x + json.items.map(i, i.n)[i]"),
            (strings(&["body", "i"]), vec![])
        );
        assert_eq!(
            unknown("shout(text) + text.cry()"),
            (vec![], strings(&["cry", "shout"]))
        );
    }
}
