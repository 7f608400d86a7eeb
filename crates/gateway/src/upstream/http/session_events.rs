//! Opens the GET stream of a client's own session.

use http::{HeaderValue, StatusCode};
use mcpg_mcp::headers::LAST_EVENT_ID;
use mcpg_mcp::sse::Event;

use super::client::HttpClient;
use super::events::{Content, EventStream, Next};
use super::refusal;
use crate::upstream::core::Upstream;
use crate::upstream::error::UpstreamError;
use crate::upstream::peer::Peer;
use crate::upstream::session::Session;
use crate::upstream::session_stream::Opened;

/// The events of such a stream.
pub(in crate::upstream) struct SessionEvents(Box<EventStream>);

impl SessionEvents {
    /// Waits for the next event; `None` at the end.
    pub(in crate::upstream) async fn next(&mut self) -> Option<Event> {
        match self.0.next().await {
            Ok(Next::Event(event)) => Some(event),
            Ok(Next::Closed | Next::Cut(_)) | Err(_) => None,
        }
    }
}

impl HttpClient {
    /// Opens the stream behind the event `last`; `Err` says why there is none.
    pub(in crate::upstream) async fn open_session_events(
        &self,
        upstream: &Upstream,
        session: &Session,
        last: Option<&str>,
    ) -> Result<SessionEvents, Opened> {
        let peer = Peer::Legacy(session);
        let mut headers = self.get_headers();
        peer.add_headers(&mut headers);
        if let Some(last) = last.and_then(|last| HeaderValue::from_bytes(last.as_bytes()).ok()) {
            headers.insert(LAST_EVENT_ID, last);
        }
        let limit = upstream.settings.max_response_bytes;
        // Without a timeout: some servers send the head of the answer only with the first event.
        let response = match self.get(headers).await {
            Ok(response) => response,
            Err(error) => return Err(Opened::Failed(error.to_string())),
        };
        let status = response.status();
        if status.is_success() {
            return match Content::of(response.headers()) {
                Content::Events => {
                    let events = EventStream::new(response.into_body(), limit);
                    Ok(SessionEvents(Box::new(events)))
                }
                Content::Json | Content::Other => Err(Opened::Never),
            };
        }
        if status == StatusCode::CONFLICT {
            return Err(Opened::Conflict);
        }
        let for_now = matches!(status.as_u16(), 401 | 403 | 429 | 500 | 502..=599);
        Err(match refusal::read(response, peer, None, limit).await {
            UpstreamError::SessionGone => Opened::SessionGone,
            error if for_now => Opened::Failed(error.to_string()),
            _ => Opened::Never,
        })
    }
}
