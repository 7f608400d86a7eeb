//! Reading resources, and who answers for them.

use std::sync::Arc;

use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::uri_template::UriTemplate;
use mcpg_mcp::version::Era;
use serde_json::value::RawValue;

use super::Kind;
use super::catalogue::{Catalogue, Origin};
use super::core::Router;
use super::start::{Client, Subject};
use crate::exchange::{Caller, Outcome, Outgoing};

/// Who answers for a URI.
pub(super) enum Holder {
    Resource(Origin),
    Template(Origin),
}

impl Holder {
    pub(super) fn origin(&self) -> Origin {
        match self {
            Self::Resource(origin) | Self::Template(origin) => *origin,
        }
    }
}

impl Router {
    /// `resources/read`.
    pub(super) async fn read_resource(&self, subject: Subject, client: &Client, caller: &Caller) -> Outcome {
        let (uri, params) = subject.addressed()?;
        let catalogue = self.catalogue.load_full();
        match self.holder(&catalogue, client.version.era(), &uri)? {
            Holder::Resource(Origin::Own(at)) => self.own.read_resource(at, &params, caller).await,
            Holder::Template(Origin::Own(at)) => self.own.read_template(at, &uri, &params, caller).await,
            Holder::Resource(Origin::Upstream(at)) | Holder::Template(Origin::Upstream(at)) => {
                self.forward(at, outgoing("resources/read", params, uri), client, caller)
                    .await
            }
        }
    }

    /// Finds who answers for a URI: who lists it, whose template it matches, or the only upstream that has resources
    /// at all (an upstream may serve what it does not list).
    pub(super) fn holder(
        &self,
        catalogue: &Arc<Catalogue>,
        era: Era,
        uri: &str,
    ) -> Result<Holder, ErrorObject> {
        let listings = catalogue.of(era);
        if let Some(item) = listings.section(Kind::Resources).find(uri) {
            return Ok(Holder::Resource(item.origin));
        }
        let templates = listings.section(Kind::ResourceTemplates).items();
        let matching = templates
            .iter()
            .find(|item| UriTemplate::parse(&item.original).is_ok_and(|template| template.matches(uri)));
        if let Some(item) = matching {
            return Ok(Holder::Template(item.origin));
        }
        let mut importing = self
            .members
            .iter()
            .enumerate()
            .filter(|(_, (federation, upstream))| {
                federation.import.resources && upstream.state().offers_resources(era)
            })
            .map(|(at, _)| at);
        match (importing.next(), importing.next()) {
            (Some(only), None) => Ok(Holder::Resource(Origin::Upstream(only))),
            _ => Err(ErrorObject::resource_not_found(era, uri)),
        }
    }
}

fn outgoing(method: &'static str, params: Box<RawValue>, uri: String) -> Outgoing {
    Outgoing {
        method,
        params: Some(params),
        name: Some(uri),
        parameter_headers: Vec::new(),
    }
}
