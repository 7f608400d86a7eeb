//! Who executes which method.

use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::version::Era;
use serde_json::value::RawValue;

use super::Kind;
use super::core::Router;
use super::start::Client;
use crate::exchange::{Caller, Outcome};

impl Router {
    /// Executes one request.
    pub(super) async fn execute(
        &self,
        method: &str,
        params: Option<Box<RawValue>>,
        client: &Client,
        caller: &Caller,
    ) -> Outcome {
        let era = client.version.era();
        match (method, era) {
            ("tools/list", _) => self.list(Kind::Tools, era, params.as_deref()),
            ("prompts/list", _) => self.list(Kind::Prompts, era, params.as_deref()),
            ("resources/list", _) => self.list(Kind::Resources, era, params.as_deref()),
            ("resources/templates/list", _) => self.list(Kind::ResourceTemplates, era, params.as_deref()),
            ("tools/call", _) => self.call_tool(require(params)?, client, caller).await,
            ("prompts/get", _) => self.get_prompt(require(params)?, client, caller).await,
            ("resources/read", _) => self.read_resource(require(params)?, client, caller).await,
            // Boxed: what is rare must not make every call's future larger.
            ("completion/complete", _) => Box::pin(self.complete(require(params)?, client, caller)).await,
            ("server/discover", Era::Modern) => Ok(self.discover()),
            ("ping", Era::Legacy) => Ok(empty()),
            ("logging/setLevel", Era::Legacy) => {
                Box::pin(self.set_level(&require(params)?, client)).await
            }
            ("resources/subscribe", Era::Legacy) => {
                Box::pin(self.subscribe("resources/subscribe", require(params)?, client, caller)).await
            }
            ("resources/unsubscribe", Era::Legacy) => {
                Box::pin(self.subscribe("resources/unsubscribe", require(params)?, client, caller)).await
            }
            ("initialize", Era::Legacy) => {
                Err(ErrorObject::invalid_request("this session is initialized already").into())
            }
            (method, _) => Err(ErrorObject::method_not_found(method).into()),
        }
    }
}

fn require(params: Option<Box<RawValue>>) -> Result<Box<RawValue>, ErrorObject> {
    params.ok_or_else(|| ErrorObject::invalid_params("params are missing"))
}

/// The empty result.
pub(super) fn empty() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).expect("an empty object is valid JSON")
}
