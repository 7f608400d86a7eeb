//! Who executes which method.

use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::version::Era;
use serde_json::value::RawValue;

use super::Kind;
use super::core::Router;
use super::start::{Client, Subject};
use crate::exchange::{Caller, Outcome};

impl Router {
    /// Executes one request.
    pub(super) async fn execute(
        &self,
        method: &str,
        subject: Subject,
        client: &Client,
        caller: &Caller,
    ) -> Outcome {
        let era = client.version.era();
        match (method, era) {
            ("tools/list", _) => self.list(Kind::Tools, era, subject.params.as_deref()).await,
            ("prompts/list", _) => self.list(Kind::Prompts, era, subject.params.as_deref()).await,
            ("resources/list", _) => self.list(Kind::Resources, era, subject.params.as_deref()).await,
            ("resources/templates/list", _) => {
                self.list(Kind::ResourceTemplates, era, subject.params.as_deref())
                    .await
            }
            ("tools/call", _) => self.call_tool(subject, client, caller).await,
            ("prompts/get", _) => self.get_prompt(subject, client, caller).await,
            ("resources/read", _) => self.read_resource(subject, client, caller).await,
            // Boxed: what is rare must not make every call's future larger.
            ("completion/complete", _) => Box::pin(self.complete(subject.required()?, client, caller)).await,
            ("server/discover", Era::Modern) => Ok(self.discover()),
            ("ping", Era::Legacy) => Ok(empty()),
            ("logging/setLevel", Era::Legacy) => Box::pin(self.set_level(&subject.required()?, client)).await,
            ("resources/subscribe", Era::Legacy) => Box::pin(self.subscribe(subject, client)).await,
            ("resources/unsubscribe", Era::Legacy) => Box::pin(self.unsubscribe(subject, client)).await,
            ("initialize", Era::Legacy) => {
                Err(ErrorObject::invalid_request("this session is initialized already").into())
            }
            (method, _) => Err(ErrorObject::method_not_found(method).into()),
        }
    }
}

impl Subject {
    /// The params, where a method needs them.
    pub(super) fn required(self) -> Result<Box<RawValue>, ErrorObject> {
        self.params
            .ok_or_else(|| ErrorObject::invalid_params("params are missing"))
    }

    /// The member `name` and the params.
    pub(super) fn named(self) -> Result<(String, Box<RawValue>), ErrorObject> {
        let name = self.name.clone();
        let params = self.required()?;
        let name = name.ok_or_else(|| ErrorObject::invalid_params("name is missing or no string"))?;
        Ok((name, params))
    }

    /// The member `uri` and the params.
    pub(super) fn addressed(self) -> Result<(String, Box<RawValue>), ErrorObject> {
        let uri = self.uri.clone();
        let params = self.required()?;
        let uri = uri.ok_or_else(|| ErrorObject::invalid_params("uri is missing or no string"))?;
        Ok((uri, params))
    }
}

/// The empty result.
pub(super) fn empty() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).expect("an empty object is valid JSON")
}
