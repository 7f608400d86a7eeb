//! The only answer of a call, as a JSON-RPC message.

use bytes::Bytes;
use http::StatusCode;
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::id::RequestId;
use mcpg_mcp::version::Era;
use mcpg_mcp::write;

use crate::exchange::{CallError, Outcome};

/// The answer of a call.
#[derive(Debug)]
pub(crate) struct Final {
    /// The JSON-RPC response.
    pub(crate) message: Bytes,
    /// Whether it is a result.
    pub(crate) is_result: bool,
    /// The error, where it is one: the modern era expresses some in the HTTP status.
    pub(crate) error: Option<ErrorObject>,
    /// Nothing was sent to an executor, because the coordinator could not be reached or the audit log not be written:
    /// the same request may be sent again.
    pub(crate) not_started: bool,
}

impl Final {
    /// The HTTP status of a response that is this answer and nothing else.
    pub(crate) fn status(&self, era: Era) -> StatusCode {
        match (era, &self.error) {
            _ if self.not_started => StatusCode::SERVICE_UNAVAILABLE,
            (Era::Modern, Some(error)) => error.modern_http_status(),
            _ => StatusCode::OK,
        }
    }
}

/// The response message for an outcome.
pub(in crate::router) fn answer(id: &RequestId, outcome: Outcome) -> Final {
    match outcome {
        Ok(result) => Final {
            message: write::result(id, &result),
            is_result: true,
            error: None,
            not_started: false,
        },
        Err(CallError::Answered(raw)) => Final {
            message: write::raw_error(id, &raw),
            is_result: false,
            error: ErrorObject::from_raw(&raw),
            not_started: false,
        },
        Err(CallError::Failed(error)) => Final {
            message: write::error(Some(id), &error),
            is_result: false,
            error: Some(error),
            not_started: false,
        },
        Err(CallError::NotStarted(why)) => {
            not_started(id, ErrorObject::internal_with_reason("unavailable", why))
        }
        Err(CallError::Unaudited) => not_started(
            id,
            ErrorObject::internal_with_reason(
                "audit_unavailable",
                "the call was not executed: the audit log cannot be written at the moment",
            ),
        ),
    }
}

fn not_started(id: &RequestId, error: ErrorObject) -> Final {
    Final {
        message: write::error(Some(id), &error),
        is_result: false,
        error: Some(error),
        not_started: true,
    }
}
