//! The HTTP side: one endpoint for the protocol, others for statistics and control.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State as Shared},
    http::{Method, StatusCode},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use crate::{control, handler::Handler, options::Era, state::State};

/// Path of the protocol endpoint.
pub(crate) const ENDPOINT: &str = "/mcp";
/// Origins a browser on this machine may have.
const LOCAL_ORIGINS: [&str; 3] = ["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"];

/// Builds all routes of the server.
pub(crate) fn router(state: &Arc<State>) -> Router {
    let endpoint = Router::new()
        .route_service(ENDPOINT, protocol_service(state))
        .layer(from_fn_with_state(Arc::clone(state), gate));
    endpoint.merge(control::router(state))
}

fn protocol_service(state: &Arc<State>) -> StreamableHttpService<Handler, crate::sessions::CountedSessions> {
    let options = &state.options;
    let mut config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(options.has_sessions())
        .with_json_response(options.json)
        .with_allowed_origins(LOCAL_ORIGINS);
    if !options.bind.is_loopback() {
        config = config.disable_allowed_hosts();
    }
    let handler = Handler {
        state: Arc::clone(state),
    };
    StreamableHttpService::new(move || Ok(handler.clone()), Arc::clone(&state.sessions), config)
}

/// Counts the request, and refuses it during an outage or when it is of an era this server does not speak.
async fn gate(Shared(state): Shared<Arc<State>>, request: Request, next: Next) -> Response {
    state.stats.http(request.method().as_str());
    if let Some(status) = state.refuse_request() {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        return (status, "the test asked for this outage").into_response();
    }
    if state.options.era == Era::Legacy && names_modern_version(&request) {
        // A server of the time before that revision knows neither the version nor the error it should answer with.
        return (StatusCode::BAD_REQUEST, "unsupported protocol version").into_response();
    }
    next.run(request).await
}

fn names_modern_version(request: &Request) -> bool {
    let version = request.headers().get("mcp-protocol-version");
    request.method() == Method::POST
        && version
            .and_then(|version| version.to_str().ok())
            .is_some_and(|version| version >= "2026-07-28")
}
