//! One request on a connection of its own, whose answer may be a stream of events.

use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::failure::{Failure, While as _};

/// An answer whose body is read piece by piece. Dropping it closes the connection.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    body: Incoming,
    buffer: Vec<u8>,
    /// The connection lives as long as its sender.
    _sender: SendRequest<Full<Bytes>>,
}

/// One event of a stream.
#[derive(Debug, Default)]
pub(super) struct Event {
    pub(super) id: Option<String>,
    /// The message, where the event holds one.
    pub(super) message: Option<Value>,
}

/// Sends a request and returns as soon as the head of the answer is there.
pub(super) async fn send(
    url: &Uri,
    method: Method,
    mut headers: HeaderMap,
    body: String,
) -> Result<Answer, Failure> {
    let attempt = || format!("asking {url}");
    let authority = url
        .authority()
        .ok_or_else(|| Failure::new(format!("{url} names no host and port")))?;
    let stream = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(80)))
        .await
        .attempting(attempt)?;
    stream.set_nodelay(true).attempting(attempt)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.attempting(attempt)?;
    // The answer learns of every error of the connection.
    tokio::spawn(connection);
    let host = HeaderValue::from_str(authority.as_str()).attempting(attempt)?;
    headers.insert(HOST, host);
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = method;
    *request.uri_mut() = url.path().parse().attempting(attempt)?;
    *request.headers_mut() = headers;
    let response = sender.send_request(request).await.attempting(attempt)?;
    let (parts, body) = response.into_parts();
    Ok(Answer {
        status: parts.status,
        headers: parts.headers,
        body,
        buffer: Vec::new(),
        _sender: sender,
    })
}

impl Answer {
    /// The response in it, be it alone or the last event of a stream.
    pub(super) async fn response(mut self) -> Result<Value, Failure> {
        let kind = self.headers.get(CONTENT_TYPE);
        if kind.is_none_or(|kind| kind != "text/event-stream") {
            return self.json().await;
        }
        self.until("a response", |event| {
            let message = event.message.as_ref()?;
            message.get("method").is_none().then(|| message.clone())
        })
        .await
    }

    async fn json(self) -> Result<Value, Failure> {
        let body = self.body.collect().await;
        let body = body.attempting(|| "reading an answer".to_owned())?.to_bytes();
        serde_json::from_slice(&body).attempting(|| "reading an answer as JSON".to_owned())
    }

    /// The next event, or `None` at the end of the stream.
    pub(super) async fn event(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            while let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                if let Some(event) = parse(&block)? {
                    return Ok(Some(event));
                }
            }
            let Some(frame) = self.body.frame().await else {
                return Ok(None);
            };
            let frame = frame.attempting(|| "reading a stream".to_owned())?;
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }

    /// The next event that `wanted` finds something in.
    pub(super) async fn until<T>(
        &mut self,
        what: &str,
        wanted: impl Fn(&Event) -> Option<T>,
    ) -> Result<T, Failure> {
        while let Some(event) = self.event().await? {
            if let Some(found) = wanted(&event) {
                return Ok(found);
            }
        }
        Err(Failure::new(format!("the stream ended without {what}")))
    }
}

/// Reads one block of lines; comments alone are no event.
fn parse(block: &[u8]) -> Result<Option<Event>, Failure> {
    let text = std::str::from_utf8(block).attempting(|| "reading an event".to_owned())?;
    let mut event = Event::default();
    let mut is_event = false;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => event.id = Some(value.to_owned()),
            "data" if !value.is_empty() => {
                let message = serde_json::from_str(value);
                event.message = Some(message.attempting(|| "reading the data of an event".to_owned())?);
            }
            _ => {}
        }
        is_event |= !field.is_empty();
    }
    Ok(is_event.then_some(event))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_event_has_an_id_and_perhaps_a_message() {
        let event = parse(b"id: a/1\nretry: 5\ndata: {\"a\":1}\n\n").unwrap().unwrap();
        assert_eq!(event.id.as_deref(), Some("a/1"));
        assert_eq!(event.message.unwrap()["a"], 1);
        let priming = parse(b"id: a/0\ndata:\n\n").unwrap().unwrap();
        assert!(priming.message.is_none());
        assert!(parse(b": still there\n\n").unwrap().is_none());
    }
}
