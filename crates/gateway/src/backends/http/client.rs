//! The HTTP client of the backends.
//!
//! It is the gateway's own client over hyper: it knows neither proxies of the environment nor redirects nor cookies, and
//! it does nothing that is not asked for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client as Pool, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

use super::guard::Guard;
use crate::boot_error::BootError;

/// Common servers close an idle connection after five seconds; letting go of it earlier avoids most requests that
/// meet a connection in that very moment.
const IDLE: Duration = Duration::from_secs(4);
/// Idle connections that are kept for one host.
const MAX_IDLE: usize = 16;

/// A pool of connections to any hosts.
pub(super) struct Client {
    pool: Pool<HttpsConnector<Guard>, Full<Bytes>>,
}

impl Client {
    pub(super) fn new(tls: ClientConfig, allow_private: bool) -> Self {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(Guard::new(allow_private));
        // Off, although hyper would repeat only what it never began to write: here nothing is ever sent twice.
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .retry_canceled_requests(false)
            .build(connector);
        Self { pool }
    }

    /// Sends one request, once.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Error> {
        self.pool.request(request).await
    }
}

/// Makes the settings of TLS. Where it is never spoken, the system's certificates are not even looked for.
pub(super) fn tls(is_secure: bool) -> Result<ClientConfig, BootError> {
    let unusable = |why: String| {
        BootError::new(
            format!("backends with https:// cannot be used: {why}"),
            "install the certificates of the system, as in the package ca-certificates",
        )
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?;
    let builder = match is_secure {
        true => builder
            .with_native_roots()
            .map_err(|error| unusable(format!("the system has no usable certificates: {error}")))?,
        false => builder.with_root_certificates(RootCertStore::empty()),
    };
    Ok(builder.with_no_client_auth())
}
