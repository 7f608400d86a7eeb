//! Makes connections, each within a time that covers everything: the name, TCP and TLS.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use crate::upstream::settings::HttpSettings;

/// How long a connection may be silent before the system asks whether the other side is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The HTTP connector's own timeout knows neither of a name server nor of a TLS handshake that hangs.
#[derive(Clone)]
pub(super) struct Connector {
    inner: HttpsConnector<HttpConnector>,
    limit: Duration,
}

/// A connection took too long to make.
#[derive(Debug)]
struct TooSlow(Duration);

type Connected = MaybeHttpsStream<TokioIo<TcpStream>>;
type Failure = Box<dyn Error + Send + Sync>;

impl Connector {
    pub(super) fn new(settings: &HttpSettings) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        // Without it small requests wait for the acknowledgement of earlier ones.
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(settings.connect_timeout));
        tcp.set_keepalive(Some(KEEP_ALIVE));
        let inner = HttpsConnectorBuilder::new()
            .with_tls_config(settings.tls.clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Self {
            inner,
            limit: settings.connect_timeout,
        }
    }
}

impl Service<Uri> for Connector {
    type Response = Connected;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Connected, Failure>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let (connecting, limit) = (self.inner.call(url), self.limit);
        Box::pin(async move {
            match timeout(limit, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(TooSlow(limit).into()),
            }
        })
    }
}

impl fmt::Display for TooSlow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "no connection within {} ms", self.0.as_millis())
    }
}

impl Error for TooSlow {}
