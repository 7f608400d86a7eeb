//! The HTTP client of one upstream: one pool of connections for all sessions and eras.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connector::Connector;
use crate::upstream::error::{UpstreamError, chain};
use crate::upstream::peer::Peer;
use crate::upstream::settings::HttpSettings;

/// Common servers close an idle connection after five seconds. Letting go of it earlier avoids most requests that
/// are written into a connection which the server closes at that very moment: their outcome would be unknown.
const IDLE: Duration = Duration::from_secs(4);
/// Idle connections that are kept; more are made as needed.
const MAX_IDLE: usize = 64;

pub(in crate::upstream) struct HttpClient {
    client: Client<Connector, Full<Bytes>>,
    url: Uri,
    /// What every POST carries, the configured headers among it.
    post: HeaderMap,
    /// What every GET carries.
    get: HeaderMap,
}

impl HttpClient {
    pub(in crate::upstream) fn new(settings: &HttpSettings) -> Self {
        // `retry_canceled_requests` stays on: hyper hands a request back for that retry only when the connection's
        // task never took it out of its queue, that is, when not one byte of it was written. A request that was
        // begun ends with an error that carries no request, and is never repeated.
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .retry_canceled_requests(true)
            .build(Connector::new(settings));
        let mut get = settings.headers.clone();
        get.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        get.entry(USER_AGENT).or_insert(HeaderValue::from_static(concat!(
            "mcpg/",
            env!("CARGO_PKG_VERSION")
        )));
        let mut post = get.clone();
        post.insert(
            ACCEPT,
            HeaderValue::from_static("application/json, text/event-stream"),
        );
        post.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self {
            client,
            url: settings.url.clone(),
            post,
            get,
        }
    }

    /// The headers of a POST, to be completed.
    pub(super) fn post_headers(&self) -> HeaderMap {
        self.post.clone()
    }

    /// The headers of a POST of the gateway's own.
    pub(super) fn own_headers(&self, peer: Peer<'_>, method: &str) -> HeaderMap {
        let mut headers = self.post_headers();
        peer.add_headers(&mut headers);
        peer.add_request_headers(&mut headers, method, None, &[]);
        headers
    }

    /// The headers of a GET or DELETE, to be completed.
    pub(super) fn get_headers(&self) -> HeaderMap {
        self.get.clone()
    }

    pub(super) async fn post(
        &self,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, UpstreamError> {
        self.send(Method::POST, headers, body).await
    }

    pub(super) async fn get(&self, headers: HeaderMap) -> Result<Response<Incoming>, UpstreamError> {
        self.send(Method::GET, headers, Bytes::new()).await
    }

    pub(super) async fn delete(&self, headers: HeaderMap) -> Result<Response<Incoming>, UpstreamError> {
        self.send(Method::DELETE, headers, Bytes::new()).await
    }

    async fn send(
        &self,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = headers;
        self.client.request(request).await.map_err(|error| {
            // The outermost error only says that there is one.
            let cause = error.source().map_or_else(|| chain(&error), chain);
            if error.is_connect() || never_written(&error) {
                UpstreamError::NotSent { cause }
            } else {
                UpstreamError::Lost { cause }
            }
        })
    }
}

/// Whether hyper says that it never began to write the request.
fn never_written(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_canceled)
        {
            return true;
        }
        next = error.source();
    }
    false
}
