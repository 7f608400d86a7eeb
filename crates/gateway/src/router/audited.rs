//! Which calls leave a line in the audit log, and what it says of them.

use mcpg_mcp::version::Era;

use super::Kind;
use super::catalogue::Origin;
use super::core::Router;
use super::start::{Client, ClientRequest, Subject};
use crate::audit::{Called, Entry, Unavailable};

impl Router {
    /// Begins the line of a request; `None` for one that leaves none.
    ///
    /// # Errors
    /// [`Unavailable`] where the request must not be executed.
    pub(super) fn audited(
        &self,
        request: &ClientRequest,
        client: &Client,
    ) -> Result<Option<Box<Entry>>, Unavailable> {
        let Some(audit) = &self.audit else {
            return Ok(None);
        };
        let (method, kind) = match request.method.as_str() {
            "tools/call" => ("tools/call", Kind::Tools),
            "prompts/get" => ("prompts/get", Kind::Prompts),
            "resources/read" => ("resources/read", Kind::Resources),
            _ => return Ok(None),
        };
        let subject = &request.subject;
        let called = Called {
            id: &request.id,
            trace: request.trace.context.trace_id(),
            principal: &client.principal,
            session: client.session.as_ref().map(|session| &session.id),
            version: client.version,
            method,
            name: subject.name.as_deref().filter(|_| kind != Kind::Resources),
            uri: subject.uri.as_deref().filter(|_| kind == Kind::Resources),
            upstream: self.offered_by(kind, client.version.era(), subject),
            params: subject.params.as_deref(),
        };
        audit.begin(called).map(|entry| Some(Box::new(entry)))
    }

    /// The upstream that a request will go to.
    fn offered_by(&self, kind: Kind, era: Era, subject: &Subject) -> Option<usize> {
        let catalogue = self.catalogue.load();
        let origin = if kind == Kind::Resources {
            self.holder(&catalogue, era, subject.uri.as_deref()?)
                .ok()?
                .origin()
        } else {
            let name = subject.name.as_deref()?;
            catalogue.of(era).section(kind).find(name)?.origin
        };
        match origin {
            Origin::Upstream(at) => Some(at),
            Origin::Own(_) => None,
        }
    }
}
