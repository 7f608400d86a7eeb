//! Expressions that turn the answer of a backend into a result.

use cel::{Env, Program};
use std::fmt;
use std::sync::Arc;

/// A CEL expression over `status`, `headers`, `json` and `text`, parsed.
#[derive(Clone)]
pub struct ResultExpression {
    program: Arc<Program>,
}

impl ResultExpression {
    /// The names that an expression may use.
    pub const VARIABLES: [&'static str; 4] = ["status", "headers", "json", "text"];

    pub(crate) fn new(program: Program) -> Self {
        Self {
            program: Arc::new(program),
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
    pub fn program(&self) -> &Program {
        &self.program
    }
}

impl fmt::Debug for ResultExpression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ResultExpression(…)")
    }
}
