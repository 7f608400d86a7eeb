//! Sends a request, follows redirects within the host, and reads the answer as far as it may be long.

use std::error::Error;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use mcpg_config::app::Http;
use url::Url;

use super::client::Client;
use super::guard::NotPublic;
use super::request::Prepared;

/// How often a server may say that the answer is elsewhere.
const MOST_REDIRECTS: usize = 5;

/// A complete answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Sends a request and follows redirects that stay with scheme, host and port.
///
/// # Errors
/// Why there is no answer, for the caller.
pub(super) async fn send(client: &Client, http: &Http, mut request: Prepared) -> Result<Answer, String> {
    for _ in 0..=MOST_REDIRECTS {
        let response = once(client, &request).await?;
        match target(http, &request.url, &response)? {
            Some(url) => redirect(&mut request, response.status(), url),
            None => return read(response, http.max_response_bytes, &host(&request.url)).await,
        }
    }
    let host = host(&request.url);
    Err(format!("{host} redirects more than {MOST_REDIRECTS} times"))
}

/// The host and port of a URL. Path and query may hold credentials and are never shown.
pub(super) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

async fn once(client: &Client, prepared: &Prepared) -> Result<Response<Incoming>, String> {
    let mut request = Request::new(Full::new(prepared.body.clone()));
    *request.method_mut() = prepared.method.clone();
    *request.uri_mut() = prepared
        .url
        .as_str()
        .parse()
        .map_err(|error| format!("the arguments make no URL: {error}"))?;
    *request.headers_mut() = prepared.headers.clone();
    client.send(request).await.map_err(|error| {
        let host = host(&prepared.url);
        if is_not_public(&error) {
            return format!("{host} is not asked: {NotPublic}, and the backend has no `allow_private: true`");
        }
        format!("{host} does not answer: {}", cause(&error))
    })
}

/// Where a redirect leads, when the answer is one that is to be followed.
fn target(http: &Http, from: &Url, response: &Response<Incoming>) -> Result<Option<Url>, String> {
    let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    if !is_redirect || http.expected_status_codes.contains(response.status()) {
        return Ok(None);
    }
    let Some(location) = response.headers().get(LOCATION) else {
        return Ok(None);
    };
    let unusable = || format!("{} redirects to what is no URL", host(from));
    let location = location.to_str().map_err(|_| unusable())?;
    let mut url = from.join(location).map_err(|_| unusable())?;
    if url.origin() != from.origin() {
        return Err(format!(
            "{} redirects to {}://{}, and redirects to another host are not followed",
            host(from),
            url.scheme(),
            host(&url)
        ));
    }
    // What is no part of a request never travels with it.
    url.set_fragment(None);
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "{} redirects to a URL with a user or password in it",
            host(from)
        ));
    }
    Ok(Some(url))
}

fn redirect(request: &mut Prepared, status: StatusCode, url: Url) {
    request.url = url;
    let becomes_get = match status {
        StatusCode::SEE_OTHER => request.method != Method::HEAD,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => request.method == Method::POST,
        _ => false,
    };
    if becomes_get {
        request.method = Method::GET;
        request.body = Bytes::new();
        for header in [CONTENT_TYPE, CONTENT_LENGTH, TRANSFER_ENCODING] {
            request.headers.remove(header);
        }
    }
}

/// Reads a body and stops where it gets too long.
async fn read(response: Response<Incoming>, limit: usize, host: &str) -> Result<Answer, String> {
    let (head, mut body) = response.into_parts();
    if let Some(encoding) = head
        .headers
        .get(CONTENT_ENCODING)
        .filter(|encoding| *encoding != "identity")
    {
        let encoding = String::from_utf8_lossy(encoding.as_bytes());
        return Err(format!(
            "{host} sends a body in the encoding {encoding}, which was not asked for"
        ));
    }
    let too_long = || format!("the answer of {host} is longer than {limit} bytes (`max_response_mb`)");
    let announced = head
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let is_long = announced.is_some_and(|length| usize::try_from(length).is_ok_and(|length| length > limit));
    let mut collected = BytesMut::new();
    // The answer to HEAD announces a body that does not come.
    if is_long && !hyper::body::Body::is_end_stream(&body) {
        return Err(too_long());
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| format!("the answer of {host} breaks off: {}", cause(&error)))?;
        if let Ok(data) = frame.into_data() {
            if collected.len() + data.len() > limit {
                return Err(too_long());
            }
            collected.extend_from_slice(&data);
        }
    }
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body: collected.freeze(),
    })
}

fn is_not_public(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<NotPublic>() {
            return true;
        }
        next = error.source();
    }
    false
}

/// What is at the bottom of an error.
fn cause(error: &(dyn Error + 'static)) -> String {
    let mut bottom = error;
    while let Some(source) = bottom.source() {
        bottom = source;
    }
    bottom.to_string()
}
