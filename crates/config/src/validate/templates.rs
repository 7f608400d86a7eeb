//! The rules of texts with places for arguments.

use super::Checker;
use crate::app::Template;
use crate::path::Path;
use crate::shape::quoted;
use crate::suggest;

/// The start of an expression that depends on the call.
const EXPRESSION: &str = "${arguments";

/// Which arguments the texts of one binding can name.
pub(super) struct Scope {
    /// The word for the binding.
    pub(super) binding: &'static str,
    /// The arguments that are declared; `None` when any may come.
    pub(super) names: Option<Vec<String>>,
    /// Whether a caller can send nothing else.
    pub(super) is_closed: bool,
}

/// Takes a text apart.
pub(super) fn template(
    text: &str,
    scope: &Scope,
    path: &Path,
    checker: &mut Checker<'_>,
) -> Option<Template> {
    match Template::parse(text) {
        Ok(template) => {
            check_names(&template, scope, path, checker);
            Some(template)
        }
        Err(error) => {
            checker.invalid(
                path,
                error.to_string(),
                "`${arguments.name}` or `${arguments.name.member}`",
            );
            None
        }
    }
}

/// Checks that a text does not depend on the call.
pub(super) fn is_fixed(text: &str, what: &str, path: &Path, checker: &mut Checker<'_>) -> bool {
    let is_fixed = !text.contains(EXPRESSION);
    if !is_fixed {
        checker.invalid(
            path,
            format!("an argument of a call cannot choose {what}"),
            format!("a text without `{EXPRESSION}...}}`"),
        );
    }
    is_fixed
}

fn check_names(template: &Template, scope: &Scope, path: &Path, checker: &mut Checker<'_>) {
    let Some(names) = &scope.names else {
        return;
    };
    for argument in template.arguments() {
        let Some(name) = argument.names().first().filter(|name| !names.contains(name)) else {
            continue;
        };
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        let hint = suggest::closest(name, &known).map(|close| format!("did you mean `{close}`?"));
        if scope.is_closed {
            let allowed = match known.is_empty() {
                true => format!("a text without arguments: this {} has none", scope.binding),
                false => quoted(&known),
            };
            let message = format!("this {} has no argument `{name}`", scope.binding);
            checker.unknown_name(path, message, allowed, hint);
        } else {
            let message = format!(
                "the `input_schema` of this {} has no property `{name}`",
                scope.binding
            );
            let remedy = hint.unwrap_or_else(|| "declare it under `input_schema.properties`".to_owned());
            checker.warn(path, message, remedy);
        }
    }
}
