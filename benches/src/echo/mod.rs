//! An MCP upstream of both eras that does as little as an honest answer needs.

mod answer;

use std::net::SocketAddr;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;

use self::answer::{Answer, answer};
use crate::failure::Failure;
use crate::listener;
use crate::protocol::{MODERN_REVISION, PROTOCOL_VERSION, RAW_PATH, SESSION_ID};

/// Where the upstream listens.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) bind: SocketAddr,
    /// Worker threads; 0 is one per core.
    #[arg(long, default_value_t = 1)]
    pub(crate) workers: usize,
}

/// Serves the upstream until the process ends.
pub(crate) async fn run(options: &Options) -> Result<(), Failure> {
    listener::serve(options.bind, "/echo", service_fn(respond)).await
}

async fn respond(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    if parts.method == Method::DELETE {
        return Ok(empty(StatusCode::OK));
    }
    if parts.method != Method::POST {
        return Ok(empty(StatusCode::METHOD_NOT_ALLOWED));
    }
    let body = body.collect().await?.to_bytes();
    if parts.uri.path() == RAW_PATH {
        return Ok(Response::new(Full::new(body)));
    }
    let modern = parts
        .headers
        .get(PROTOCOL_VERSION)
        .is_some_and(|version| version == MODERN_REVISION);
    let in_session = parts.headers.contains_key(SESSION_ID);
    Ok(match answer(&body, modern, in_session) {
        Answer::Nothing => empty(StatusCode::ACCEPTED),
        Answer::Json(status, json) => with_json(status, json),
        Answer::Session(id, json) => {
            let mut response = with_json(StatusCode::OK, json);
            response.headers_mut().insert(SESSION_ID, id);
            response
        }
    })
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn with_json(status: StatusCode, json: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(json)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
