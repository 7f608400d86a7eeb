//! Requests of the modern era: each stands for itself.

use http::{HeaderMap, Response, StatusCode};
use mcpg_capabilities::principal::Principal;
use mcpg_mcp::envelope::Request;
use mcpg_mcp::headers;
use mcpg_mcp::meta::{LogLevel, RequestMeta};
use mcpg_mcp::params::Params;
use mcpg_mcp::version::Era;
use serde_json::value::RawValue;

use super::body::ResponseBody;
use super::respond;
use super::service::Frontend;
use crate::observe::Meter;
use crate::router::{Client, ClientRequest};

impl Frontend {
    /// Answers a modern request.
    pub(super) async fn modern(
        &self,
        principal: &Principal,
        http_headers: &HeaderMap,
        request: &Request<'_>,
        meta: &RequestMeta<'_>,
        params: &Params<'_>,
        meter: Meter,
    ) -> Response<ResponseBody> {
        if let Err(error) = headers::validate(http_headers, &request.method, params) {
            meter.refused(StatusCode::BAD_REQUEST);
            return respond::error(StatusCode::BAD_REQUEST, Some(&request.id), &error);
        }
        let client = Client {
            principal: principal.clone(),
            version: meta.version,
            capabilities: owned(meta.client_capabilities),
            client_info: meta.client_info.map(owned),
            log_level: meta.log_level.map(LogLevel::as_str).map(str::to_owned),
            parameter_headers: parameter_headers(http_headers),
            session: None,
            comes_back: false,
        };
        match self
            .router
            .start(ClientRequest::modern(request, params, meta), client, meter)
        {
            Ok(call) => self.answer(Era::Modern, &request.id, call).await,
            Err(error) => respond::error(StatusCode::BAD_REQUEST, Some(&request.id), &error),
        }
    }
}

fn owned(raw: &RawValue) -> std::sync::Arc<RawValue> {
    raw.to_owned().into()
}

fn parameter_headers(http_headers: &HeaderMap) -> HeaderMap {
    http_headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with(headers::PARAM_PREFIX))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
