//! One client of the load: a connection and what its era needs on every request.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use hyper::body::Bytes;

use super::Era;
use super::connection::{Connection, Reply};
use super::message::{call_body, call_text, check_call, initialize_body, initialized_body};
use crate::failure::Failure;
use crate::protocol::{LEGACY_REVISION, METHOD, MODERN_REVISION, NAME, PROTOCOL_VERSION, SESSION_ID, TOOL};

/// A client that makes one call after the other.
#[derive(Debug)]
pub(crate) struct Session {
    connection: Connection,
    era: Era,
    headers: HeaderMap,
    number: u32,
    last_id: u64,
}

impl Session {
    /// Connects and, in the legacy era, opens a session.
    pub(crate) async fn open(url: &Uri, era: Era, number: u32) -> Result<Self, Failure> {
        let mut session = Self {
            connection: Connection::open(url).await?,
            era,
            headers: headers_of(era),
            number,
            last_id: 0,
        };
        if era == Era::Legacy {
            session.initialize().await?;
        }
        Ok(session)
    }

    /// Makes one call and checks its answer.
    pub(crate) async fn call(&mut self) -> Result<(), Failure> {
        self.last_id += 1;
        let text = call_text(self.number, self.last_id);
        if self.era == Era::Raw {
            return self.exchange_raw(text).await;
        }
        let body = call_body(self.era, self.last_id, &text).into();
        let reply = self.post(body).await?;
        check_call(
            self.era,
            reply.status,
            &reply.headers,
            &reply.body,
            self.last_id,
            &text,
        )
    }

    /// Ends the session, if the era has one.
    pub(crate) async fn close(mut self) -> Result<(), Failure> {
        if !self.headers.contains_key(SESSION_ID) {
            return Ok(());
        }
        let reply = self
            .connection
            .send(Method::DELETE, &self.headers, Bytes::new())
            .await?;
        if reply.status.is_success() || reply.status == StatusCode::METHOD_NOT_ALLOWED {
            return Ok(());
        }
        Err(Failure::new(format!("closing a session gave {}", reply.status)))
    }

    async fn initialize(&mut self) -> Result<(), Failure> {
        let reply = self.post(initialize_body().into()).await?;
        if reply.status != StatusCode::OK {
            let body = String::from_utf8_lossy(&reply.body);
            return Err(Failure::new(format!("initialize gave {}: {body}", reply.status)));
        }
        let id = reply.headers.get(SESSION_ID).cloned();
        let id = id.ok_or_else(|| Failure::new("initialize gave no session id"))?;
        self.headers.insert(SESSION_ID, id);
        self.headers
            .insert(PROTOCOL_VERSION, HeaderValue::from_static(LEGACY_REVISION));
        let reply = self.post(initialized_body().into()).await?;
        if reply.status != StatusCode::ACCEPTED {
            return Err(Failure::new(format!(
                "notifications/initialized gave {}",
                reply.status
            )));
        }
        Ok(())
    }

    async fn exchange_raw(&mut self, text: String) -> Result<(), Failure> {
        let body = Bytes::from(text);
        let reply = self.post(body.clone()).await?;
        if reply.status == StatusCode::OK && reply.body == body {
            return Ok(());
        }
        Err(Failure::new(format!(
            "{} bytes came back with status {} as {} bytes",
            body.len(),
            reply.status,
            reply.body.len()
        )))
    }

    async fn post(&mut self, body: Bytes) -> Result<Reply, Failure> {
        self.connection.send(Method::POST, &self.headers, body).await
    }
}

fn headers_of(era: Era) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if era == Era::Raw {
        return headers;
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        ACCEPT,
        HeaderValue::from_static("application/json, text/event-stream"),
    );
    if era == Era::Modern {
        headers.insert(PROTOCOL_VERSION, HeaderValue::from_static(MODERN_REVISION));
        headers.insert(METHOD, HeaderValue::from_static("tools/call"));
        headers.insert(NAME, HeaderValue::from_static(TOOL));
    }
    headers
}
