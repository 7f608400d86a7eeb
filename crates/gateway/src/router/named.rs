//! Calls of things that have a name: tools and prompts.

use std::sync::Arc;

use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::object::Object;
use mcpg_mcp::params::Params;
use mcpg_mcp::version::Era;
use serde_json::value::RawValue;

use super::Kind;
use super::catalogue::{Catalogue, Item, Origin};
use super::core::Router;
use super::start::{Client, Subject};
use crate::exchange::{Caller, Outcome, Outgoing};

impl Router {
    /// `tools/call`.
    pub(super) async fn call_tool(&self, subject: Subject, client: &Client, caller: &Caller) -> Outcome {
        let (name, params) = subject.named()?;
        let catalogue = self.catalogue_with(Kind::Tools, &name, client).await;
        let section = catalogue.of(client.version.era()).section(Kind::Tools);
        let item = section
            .find(&name)
            .ok_or_else(|| ErrorObject::unknown_tool(&name))?;
        match item.origin {
            Origin::Own(at) => self.own.call_tool(at, &params, caller).await,
            Origin::Upstream(at) => {
                let outgoing = outgoing("tools/call", item, params, client)?;
                self.forward(at, outgoing, client, caller).await
            }
        }
    }

    /// The catalogue. Where it does not know the name, that may be because it is old.
    async fn catalogue_with(&self, kind: Kind, name: &str, client: &Client) -> Arc<Catalogue> {
        let catalogue = self.catalogue.load_full();
        if catalogue
            .of(client.version.era())
            .section(kind)
            .find(name)
            .is_some()
        {
            return catalogue;
        }
        self.current_lists().await;
        self.catalogue.load_full()
    }

    /// `prompts/get`.
    pub(super) async fn get_prompt(&self, subject: Subject, client: &Client, caller: &Caller) -> Outcome {
        let (name, params) = subject.named()?;
        let catalogue = self.catalogue_with(Kind::Prompts, &name, client).await;
        let section = catalogue.of(client.version.era()).section(Kind::Prompts);
        let item = section
            .find(&name)
            .ok_or_else(|| ErrorObject::unknown_prompt(&name))?;
        match item.origin {
            Origin::Own(at) => self.own.get_prompt(at, &params, caller).await,
            Origin::Upstream(at) => {
                let outgoing = outgoing("prompts/get", item, params, client)?;
                self.forward(at, outgoing, client, caller).await
            }
        }
    }
}

/// The request in the upstream's own names.
fn outgoing(
    method: &'static str,
    item: &Item,
    params: Box<RawValue>,
    client: &Client,
) -> Result<Outgoing, ErrorObject> {
    let mut parameter_headers = Vec::new();
    if let Some(header_params) = item.header_params.as_ref().filter(|known| !known.is_empty()) {
        let known = Params::parse(Some(&params))?;
        if client.version.era() == Era::Modern {
            header_params.validate(&client.parameter_headers, known.arguments)?;
        }
        parameter_headers = header_params.to_headers(known.arguments);
    }
    // What the tool's schema does not know is none of the gateway's business: it travels on as it came.
    for (name, value) in &client.parameter_headers {
        if !parameter_headers.iter().any(|(known, _)| known == name) {
            parameter_headers.push((name.clone(), value.clone()));
        }
    }
    let params = if item.original == item.identity {
        params
    } else {
        renamed(&params, &item.original)?
    };
    Ok(Outgoing {
        method,
        params: Some(params),
        name: Some(item.original.clone()),
        parameter_headers,
    })
}

fn renamed(params: &RawValue, name: &str) -> Result<Box<RawValue>, ErrorObject> {
    let mut object =
        Object::parse(params).map_err(|_| ErrorObject::invalid_params("params are no object"))?;
    object.set_str("name", name);
    Ok(object.to_raw())
}
