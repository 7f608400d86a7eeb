//! A bare reverse proxy: pooled connections, streamed bodies, not one byte of JSON looked at.

use std::net::SocketAddr;

use http::header::{CONNECTION, HOST};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::failure::{Failure, While as _};
use crate::listener;

/// What the proxy forwards to, and where it listens.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The upstream, such as `http://127.0.0.1:4000/echo`; its path is only announced, requests keep theirs.
    #[arg(long)]
    pub(crate) target: Uri,
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) bind: SocketAddr,
    /// Worker threads; 0 is one per core, as a server has by default.
    #[arg(long, default_value_t = 0)]
    pub(crate) workers: usize,
}

type Body = Either<Incoming, Full<Bytes>>;

#[derive(Debug, Clone)]
struct Proxy {
    client: Client<HttpConnector, Incoming>,
    authority: Authority,
}

/// Serves the proxy until the process ends.
pub(crate) async fn run(options: &Options) -> Result<(), Failure> {
    let authority = options
        .target
        .authority()
        .cloned()
        .ok_or_else(|| Failure::new(format!("--target {} names no host and port", options.target)))?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let proxy = Proxy {
        client: Client::builder(TokioExecutor::new()).build(connector),
        authority,
    };
    let service = service_fn(move |request| {
        let proxy = proxy.clone();
        async move { proxy.forward(request).await }
    });
    listener::serve(options.bind, options.target.path(), service).await
}

impl Proxy {
    async fn forward(&self, mut request: Request<Incoming>) -> Result<Response<Body>, Failure> {
        *request.uri_mut() = self.upstream_uri(request.uri())?;
        // Both speak of one connection only; the client writes its own for the next one.
        request.headers_mut().remove(HOST);
        request.headers_mut().remove(CONNECTION);
        match self.client.request(request).await {
            Ok(response) => Ok(response.map(Either::Left)),
            Err(error) => bad_gateway(&error.to_string()),
        }
    }

    fn upstream_uri(&self, asked: &Uri) -> Result<Uri, Failure> {
        let path = asked
            .path_and_query()
            .cloned()
            .unwrap_or_else(|| PathAndQuery::from_static("/"));
        Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .attempting(|| format!("forwarding {asked}"))
    }
}

fn bad_gateway(reason: &str) -> Result<Response<Body>, Failure> {
    let body = Full::new(Bytes::copy_from_slice(reason.as_bytes()));
    Response::builder()
        .status(StatusCode::BAD_GATEWAY)
        .body(Either::Right(body))
        .attempting(|| "building a 502 response".to_owned())
}
