//! Reading resources and subscribing to them.

use std::sync::Arc;

use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::uri_template::UriTemplate;
use mcpg_mcp::version::Era;
use serde_json::value::RawValue;

use super::Kind;
use super::catalogue::{Catalogue, Origin};
use super::core::Router;
use super::sessions::session_error;
use super::start::{Client, Subject};
use crate::exchange::{CallError, Caller, Outcome, Outgoing};

/// How many resources one session can be subscribed to.
const MAX_SUBSCRIPTIONS: usize = 1_000;

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

    /// `resources/subscribe` and `resources/unsubscribe`.
    pub(super) async fn subscribe(
        &self,
        method: &'static str,
        subject: Subject,
        client: &Client,
        caller: &Caller,
    ) -> Outcome {
        let (uri, params) = subject.addressed()?;
        let catalogue = self.catalogue.load_full();
        let answer = match self.holder(&catalogue, client.version.era(), &uri)? {
            Holder::Resource(Origin::Upstream(at)) | Holder::Template(Origin::Upstream(at)) => {
                self.forward(at, outgoing(method, params, uri.clone()), client, caller)
                    .await?
            }
            // What the configuration says never changes while the gateway runs.
            Holder::Resource(Origin::Own(_)) | Holder::Template(Origin::Own(_)) => super::execute::empty(),
        };
        self.record_subscription(method, uri, client).await?;
        Ok(answer)
    }

    /// Keeps in the session what its client subscribed to, so that every replica knows.
    async fn record_subscription(
        &self,
        method: &'static str,
        uri: String,
        client: &Client,
    ) -> Result<(), CallError> {
        let session = client
            .session
            .as_ref()
            .ok_or_else(|| ErrorObject::internal("no client session"))?;
        let mut is_full = false;
        let changed = self.sessions.change(&session.id, |record| {
            if method != "resources/subscribe" {
                return record.subscriptions.shift_remove(&uri);
            }
            let wanted = !record.subscriptions.contains(&uri);
            is_full = wanted && record.subscriptions.len() >= MAX_SUBSCRIPTIONS;
            wanted && !is_full && record.subscriptions.insert(uri.clone())
        });
        changed.await.map_err(session_error)?;
        if is_full {
            let why = format!("a session cannot have more than {MAX_SUBSCRIPTIONS} subscriptions");
            return Err(ErrorObject::invalid_request(why).into());
        }
        Ok(())
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
