//! From an HTTP request to whoever answers it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use mcpg_capabilities::principal::Principal;
use mcpg_config::app::Server;
use mcpg_mcp::era::{EraHeaders, decide_without_body};
use tracing::debug;

use super::access::Access;
use super::body::ResponseBody;
use super::drain::Drain;
use super::guard::Guard;
use super::respond;
use crate::observe::Meters;
use crate::router::Router;

/// What the client side is made of.
pub(crate) struct FrontendSettings {
    pub(crate) server: Server,
    pub(crate) access: mcpg_config::app::Access,
    pub(crate) router: Arc<Router>,
    pub(crate) drain: Arc<Drain>,
}

/// Answers HTTP requests.
pub(crate) struct Frontend {
    pub(super) router: Arc<Router>,
    pub(super) max_body: usize,
    drain: Arc<Drain>,
    pub(super) meters: Arc<Meters>,
    guard: Guard,
    access: Access,
    mcp_path: String,
    health_path: String,
}

impl Frontend {
    /// Makes the client side of a gateway.
    pub(crate) fn new(settings: FrontendSettings) -> Self {
        let FrontendSettings {
            server,
            access,
            router,
            drain,
        } = settings;
        Self {
            meters: Arc::clone(&router.meters),
            router,
            drain,
            max_body: server.max_request_body_bytes,
            guard: Guard {
                hosts: server.allowed_hosts,
                origins: server.allowed_origins,
            },
            access: Access::new(access),
            mcp_path: server.mcp_path,
            health_path: server.health_path,
        }
    }

    /// Answers one request.
    pub(crate) async fn handle<B>(&self, request: Request<B>) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (verb, begun) = (request.method().clone(), Instant::now());
        let scope = self.router.scopes.begin(request.headers());
        // Pinned here: a future that is handed on by value is copied, and this one is large.
        let work = pin!(async {
            let mut response = self.route(request).await;
            self.drain.mark(&mut response);
            self.meters.responded(&scope, &verb, response.status(), begun);
            response
        });
        scope.clone().cover(work).await
    }

    async fn route<B>(&self, request: Request<B>) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let path = request.uri().path();
        if path == self.health_path {
            return match *request.method() {
                Method::GET | Method::HEAD => {
                    respond::json(StatusCode::OK, Bytes::from_static(b"{\"status\":\"alive\"}"))
                }
                _ => respond::method_not_allowed("GET, HEAD"),
            };
        }
        if path != self.mcp_path {
            return respond::refusal(StatusCode::NOT_FOUND, "nothing is served at this path");
        }
        if self.drain.is_refusing() {
            return respond::stopping();
        }
        if let Err((status, why)) = self.guard.check(request.uri(), request.headers()) {
            debug!(message = "Refused a request.", %status, why);
            return respond::refusal(status, why);
        }
        let principal = match self.access.identify(request.headers()) {
            Ok(principal) => principal,
            Err(refused) => {
                debug!(message = "Refused a request without a valid key.", ?refused);
                return respond::unauthorized(refused);
            }
        };
        match *request.method() {
            Method::POST => self.post(&principal, request).await,
            Method::GET => self.get(&principal, &request).await,
            Method::DELETE => self.delete(&principal, &request).await,
            _ => respond::method_not_allowed("POST, GET, DELETE"),
        }
    }

    async fn delete<B>(&self, principal: &Principal, request: &Request<B>) -> Response<ResponseBody> {
        let id = match session_header(request) {
            Ok(id) => id,
            Err(response) => return *response,
        };
        match self.router.close_session(principal, id).await {
            Ok(()) => respond::empty(StatusCode::NO_CONTENT),
            Err(problem) => respond::session_error(&problem, None),
        }
    }

    pub(super) async fn require_session<B>(
        &self,
        principal: &Principal,
        request: &Request<B>,
    ) -> Result<crate::router::SessionRef, Response<ResponseBody>> {
        let id = session_header(request).map_err(|response| *response)?;
        self.router
            .admit(principal, id)
            .await
            .map_err(|problem| respond::session_error(&problem, None))
    }
}

/// The session id of a GET or DELETE.
fn session_header<B>(request: &Request<B>) -> Result<&str, Box<Response<ResponseBody>>> {
    let rejected = |rejection: mcpg_mcp::era::Rejection| {
        Box::new(if rejection.status == StatusCode::METHOD_NOT_ALLOWED {
            respond::method_not_allowed("POST")
        } else {
            respond::json(rejection.status, rejection.body())
        })
    };
    let headers = EraHeaders::read(request.headers()).map_err(rejected)?;
    let session = decide_without_body(&headers).map_err(rejected)?;
    session.session_id.ok_or_else(|| {
        Box::new(respond::refusal(
            StatusCode::BAD_REQUEST,
            "the Mcp-Session-Id header is missing",
        ))
    })
}
