//! Takes up a legacy stream again that ended before its answer.

use std::time::Duration;

use http::{HeaderValue, StatusCode};
use mcpg_mcp::headers::LAST_EVENT_ID;
use mcpg_mcp::sse::Event;
use tokio::time::sleep;

use super::client::HttpClient;
use super::events::{Content, EventStream};
use crate::upstream::conversation::Conversation;
use crate::upstream::error::UpstreamError;
use crate::upstream::peer::Peer;

/// So many attempts in a row may bring nothing new.
const MAX_FRUITLESS: u32 = 8;
/// The back-off does not wait longer than this, unless the upstream asks for it.
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

/// Where a stream was left.
#[derive(Debug, Default)]
pub(super) struct Place {
    last_id: Option<String>,
    retry: Option<Duration>,
    fruitless: u32,
}

impl Place {
    /// An event has arrived.
    pub(super) fn note(&mut self, event: &Event) {
        if let Some(id) = &event.id {
            // An empty id means that there is nothing to resume from any more.
            self.last_id = Some(id.clone()).filter(|id| !id.is_empty());
        }
        if let Some(retry) = event.retry {
            self.retry = Some(Duration::from_millis(retry));
        }
        self.fruitless = 0;
    }

    pub(super) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// How long to wait before the stream is opened again: what the upstream asked for, longer after failures.
    pub(super) fn pause(&self, default: Duration) -> Duration {
        let first = self.retry.unwrap_or(default);
        let longer = default
            .saturating_mul(1 << self.fruitless.saturating_sub(1).min(16))
            .min(LONGEST_BACKOFF);
        if self.fruitless <= 1 {
            first
        } else {
            first.max(longer)
        }
    }

    /// Counts an attempt that may bring nothing.
    pub(super) fn attempt(&mut self) {
        self.fruitless += 1;
    }
}

impl Conversation<'_> {
    /// Opens the stream again behind the last event.
    ///
    /// # Errors
    /// `Lost`: the outcome of the request will never be known.
    pub(super) async fn resume(
        &mut self,
        http: &HttpClient,
        place: &mut Place,
        mut cause: String,
    ) -> Result<EventStream, UpstreamError> {
        let Peer::Legacy(session) = self.peer else {
            return Err(UpstreamError::lost(cause));
        };
        let Some(id) = place
            .last_id()
            .and_then(|id| HeaderValue::from_bytes(id.as_bytes()).ok())
        else {
            return Err(UpstreamError::lost(cause));
        };
        let settings = &self.upstream.settings;
        while place.fruitless < MAX_FRUITLESS {
            place.attempt();
            self.questions
                .during(sleep(place.pause(settings.timing.reopen)))
                .await;
            let mut headers = http.get_headers();
            Peer::Legacy(session).add_headers(&mut headers);
            headers.insert(LAST_EVENT_ID, id.clone());
            match self.questions.during(http.get(headers)).await {
                Ok(response) if response.status() == StatusCode::OK => {
                    if Content::of(response.headers()) == Content::Events {
                        return Ok(EventStream::new(
                            response.into_body(),
                            settings.max_response_bytes,
                        ));
                    }
                    return Err(UpstreamError::lost(format!("{cause}; it cannot be resumed")));
                }
                Ok(response) if !response.status().is_server_error() => {
                    let status = response.status();
                    return Err(UpstreamError::lost(format!(
                        "{cause}; resuming was answered with {status}"
                    )));
                }
                Ok(response) => cause = format!("resuming was answered with {}", response.status()),
                Err(error) => cause = error.to_string(),
            }
        }
        Err(UpstreamError::lost(cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upstreams_pause_is_kept_and_failures_make_it_longer() {
        let default = Duration::from_millis(100);
        let mut place = Place::default();
        place.attempt();
        assert_eq!(place.pause(default), default);
        place.note(&Event {
            retry: Some(5),
            ..Event::default()
        });
        place.attempt();
        assert_eq!(place.pause(default), Duration::from_millis(5));
        place.attempt();
        assert_eq!(place.pause(default), Duration::from_millis(200));
        for _ in 0..40 {
            place.attempt();
        }
        assert_eq!(place.pause(default), LONGEST_BACKOFF);
    }

    #[test]
    fn an_empty_id_takes_the_place_away() {
        let mut place = Place::default();
        place.note(&Event {
            id: Some("7".to_owned()),
            ..Event::default()
        });
        assert_eq!(place.last_id(), Some("7"));
        place.note(&Event {
            id: Some(String::new()),
            ..Event::default()
        });
        assert_eq!(place.last_id(), None);
    }
}
