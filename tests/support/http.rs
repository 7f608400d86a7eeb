//! A small HTTP/1.1 client that sends exactly what a test says, on a connection of its own.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::deadline::within;
use super::sse::Events;

/// A request in the making.
#[derive(Clone)]
pub(crate) struct Call {
    address: SocketAddr,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

/// An answer whose body has not been read yet. Dropping it closes the connection.
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    body: Incoming,
    connection: Connection,
}

/// The task that moves the bytes of one connection; it ends with its owner.
pub(super) struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Call {
    /// A request without headers and without a body.
    pub(crate) fn new(method: Method, address: SocketAddr, path: &str) -> Self {
        Self {
            address,
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// Adds a header; the same name may be added twice.
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Removes every header of that name.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// Sets the body.
    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the request and waits for the head of the answer.
    pub(crate) async fn send(self) -> Answer {
        let what = format!("an answer to {} {}", self.method, self.path);
        let sent = within(&what, self.exchange()).await;
        sent.unwrap_or_else(|error| panic!("no {what}: {error}"))
    }

    /// Sends the request; an error instead of a failed test when the connection breaks.
    pub(crate) async fn try_send(self) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        within("an answer or a broken connection", self.exchange()).await
    }

    async fn exchange(self) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = Connection(tokio::spawn(async move {
            // A broken connection shows itself where the answer is read.
            let _ = connection.await;
        }));
        let answer = sender.send_request(self.request()?).await?;
        let (head, body) = answer.into_parts();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
            connection,
        })
    }

    fn request(self) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut builder = Request::builder().method(self.method).uri(self.path);
        if !has(&self.headers, HOST.as_str()) {
            builder = builder.header(HOST, self.address.to_string());
        }
        for (name, value) in self.headers {
            builder = builder.header(name, value);
        }
        builder.body(Full::new(self.body))
    }
}

impl Answer {
    /// The value of a header, when there is exactly one.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next()?;
        assert!(values.next().is_none(), "the header {name} came twice");
        first.to_str().ok()
    }

    /// Whether the body is a stream of events.
    pub(crate) fn is_stream(&self) -> bool {
        self.header(CONTENT_TYPE.as_str())
            .is_some_and(|value| value.starts_with("text/event-stream"))
    }

    /// The whole body.
    pub(crate) async fn bytes(self) -> Bytes {
        let _connection = self.connection;
        let collected = within("the end of a body", self.body.collect()).await;
        collected.expect("the body arrives complete").to_bytes()
    }

    /// The whole body as text.
    pub(crate) async fn text(self) -> String {
        String::from_utf8(self.bytes().await.to_vec()).expect("the body is UTF-8")
    }

    /// The whole body as JSON.
    pub(crate) async fn json(self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("not JSON ({error}): {text}"))
    }

    /// The body as a stream of events.
    pub(crate) fn events(self) -> Events {
        assert!(self.is_stream(), "not an event stream: {:?}", self.headers);
        Events::new(self.body, self.connection)
    }
}

fn has(headers: &[(String, String)], name: &str) -> bool {
    headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
}
