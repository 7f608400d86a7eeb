//! The four lists.

use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::object::Object;
use mcpg_mcp::version::Era;
use serde_json::value::RawValue;

use super::Kind;
use super::core::Router;
use crate::exchange::Outcome;

impl Router {
    /// One page of a list.
    pub(super) async fn list(&self, kind: Kind, era: Era, params: Option<&RawValue>) -> Outcome {
        let cursor = match params.map(Object::parse).transpose() {
            Err(_) => return Err(ErrorObject::invalid_params("params are no object").into()),
            Ok(None) => None,
            Ok(Some(params)) => match (params.get("cursor"), params.get_str("cursor")) {
                (None, _) => None,
                (Some(_), Some(cursor)) => Some(cursor.into_owned()),
                (Some(_), None) => return Err(ErrorObject::invalid_cursor().into()),
            },
        };
        self.current_lists().await;
        let catalogue = self.catalogue.load();
        let section = catalogue.of(era).section(kind);
        section
            .page(kind, era, cursor.as_deref(), &self.cursors)
            .ok_or_else(|| ErrorObject::invalid_cursor().into())
    }
}
