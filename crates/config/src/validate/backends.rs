//! The rules of backends that answer own bindings.

use super::templates::Scope;
use super::{Checker, command, http_backend, json_schema};
use crate::app::{Ask, Backend, Mock, MockContent};
use crate::path::Path;
use crate::raw::binding::RawBackend;
use crate::raw::mock::{RawContent, RawMock};
use serde_json::{Value, json};
use std::time::Duration;

/// The backend of a tool.
pub(super) fn validate(
    raw: RawBackend,
    scope: &Scope,
    path: &Path,
    checker: &mut Checker<'_>,
) -> Option<Backend> {
    match raw {
        RawBackend::Mock(raw) => Some(Backend::Mock(mock(raw, path, checker))),
        RawBackend::Http(raw) => {
            check_patience(raw.timeout_ms, path, checker);
            let http = http_backend::validate(*raw, scope, path, checker);
            http.map(|http| Backend::Http(Box::new(http)))
        }
        RawBackend::Command(raw) => {
            check_patience(raw.timeout_ms, path, checker);
            let command = command::validate(raw, scope, path, checker);
            command.map(|command| Backend::Command(Box::new(command)))
        }
    }
}

/// The backend of a binding whose answer is a text and cannot be a failure.
pub(super) fn validate_text(
    raw: RawBackend,
    scope: &Scope,
    path: &Path,
    checker: &mut Checker<'_>,
) -> Option<Backend> {
    if let RawBackend::Mock(raw) = &raw {
        if matches!(raw.content, RawContent::Blocks(_)) {
            checker.invalid(
                &path.key("content"),
                "content blocks are for tools only",
                "a text",
            );
        }
        if raw.is_error {
            checker.invalid(
                &path.key("is_error"),
                "only the answer of a tool can be a failure",
                "`false`",
            );
        }
    }
    validate(raw, scope, path, checker)
}

/// Warns where a backend has more time than the gateway gives a call that is silent.
fn check_patience(timeout_ms: u64, path: &Path, checker: &mut Checker<'_>) {
    let Some(patience) = checker.request_timeout else {
        return;
    };
    if Duration::from_millis(timeout_ms) > patience {
        let patience = patience.as_millis();
        checker.warn(
            &path.key("timeout_ms"),
            format!(
                "a call ends after {patience} ms of silence already (`gateway.server.request_timeout_ms`)"
            ),
            format!("raise `gateway.server.request_timeout_ms` to {timeout_ms}, or lower `timeout_ms`"),
        );
    }
}

fn mock(raw: RawMock, path: &Path, checker: &mut Checker<'_>) -> Mock {
    let ask = raw.ask.map(|raw| {
        let schema = raw.schema.map_or_else(
            || json!({ "type": "object", "properties": {} }),
            |schema| Value::Object(schema.0),
        );
        let path = path.key("ask").key("schema");
        json_schema::check(&schema, &path, checker);
        json_schema::check_form(&schema, &path, checker);
        Ask {
            message: raw.message,
            schema,
        }
    });
    Mock {
        content: match raw.content {
            RawContent::Text(text) => MockContent::Text(text),
            RawContent::Blocks(blocks) => {
                MockContent::Blocks(blocks.into_iter().map(Value::Object).collect())
            }
        },
        is_error: raw.is_error,
        delay: Duration::from_millis(raw.delay_ms),
        progress_steps: raw.progress_steps,
        ask,
    }
}
