//! The backend that asks a web server.
//!
//! A request is built from the configuration and the arguments ([`request`]), sent over connections that reach only
//! what the configuration allows ([`guard`]), and its answer becomes a result ([`result`]).

mod client;
mod evaluate;
mod guard;
mod request;
mod result;
mod send;

use mcpg_config::app::{Backend, Capabilities, Http};
use tokio::time::timeout;

use super::arguments::Arguments;
use super::reply::{BackendError, Reply};
use crate::boot_error::BootError;
use client::Client;

/// What all http backends share. Those that may reach private addresses have connections of their own, so that no
/// other backend ever meets one that is open already.
pub(super) struct HttpBackends {
    public: Client,
    private: Client,
}

impl HttpBackends {
    /// Prepares what the http backends among the bindings need.
    pub(super) fn new(capabilities: &Capabilities) -> Result<Self, BootError> {
        let tools = capabilities.tools.iter().map(|tool| &tool.backend);
        let prompts = capabilities.prompts.iter().map(|prompt| &prompt.backend);
        let resources = capabilities.resources.iter().map(|resource| &resource.backend);
        let templates = capabilities
            .resource_templates
            .iter()
            .map(|template| &template.backend);
        let is_secure = tools
            .chain(prompts)
            .chain(resources)
            .chain(templates)
            .any(|backend| matches!(backend, Backend::Http(http) if http.url.origin.scheme() == "https"));
        let tls = client::tls(is_secure)?;
        Ok(Self {
            public: Client::new(tls.clone(), false),
            private: Client::new(tls, true),
        })
    }

    /// Sends one request and makes a result of the answer. The time limit covers everything.
    pub(super) async fn call(&self, http: &Http, arguments: &Arguments) -> Result<Reply, BackendError> {
        let mut request = request::build(http, arguments).map_err(BackendError::Refused)?;
        crate::observe::add_trace_to(&mut request.headers);
        let client = match http.allow_private {
            true => &self.private,
            false => &self.public,
        };
        let work = async {
            let answer = send::send(client, http, request).await?;
            result::of(http, answer).await
        };
        match timeout(http.timeout, work).await {
            Ok(result) => result.map_err(BackendError::Failed),
            Err(_) => Err(BackendError::Failed(format!(
                "no complete answer from {} within {} ms",
                send::host(&http.url.origin),
                http.timeout.as_millis()
            ))),
        }
    }
}

impl std::fmt::Debug for HttpBackends {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HttpBackends").finish_non_exhaustive()
    }
}
