//! Reads the answer to a request: one JSON body, or a stream of events that ends with it.

use http::Response;
use hyper::body::Incoming;

use super::body;
use super::client::HttpClient;
use super::events::{Content, EventStream, Next};
use super::refusal;
use super::resume::Place;
use crate::upstream::conversation::{Answered, Conversation};
use crate::upstream::error::UpstreamError;

/// What became of a stream.
enum StreamEnd {
    Answered(Answered),
    /// The upstream closed it before the answer.
    Early,
    /// It was cut before the answer, and how.
    Cut(String),
}

impl Conversation<'_> {
    /// Reads until the answer is there.
    pub(super) async fn read(mut self, http: &HttpClient, response: Response<Incoming>) -> Answered {
        let limit = self.upstream.settings.max_response_bytes;
        let status = response.status();
        if !status.is_success() {
            return Err(refusal::read(response, self.peer, self.id(), limit).await);
        }
        match Content::of(response.headers()) {
            Content::Json => {
                let body = body::read(response.into_body(), limit).await?;
                self.hear(&body)
                    .await?
                    .unwrap_or_else(|| Err(UpstreamError::protocol("the body does not answer the request")))
            }
            Content::Events => {
                self.read_stream(http, EventStream::new(response.into_body(), limit))
                    .await
            }
            Content::Other => Err(UpstreamError::protocol(format!(
                "HTTP status {status} without JSON or an event stream"
            ))),
        }
    }

    async fn read_stream(&mut self, http: &HttpClient, mut events: EventStream) -> Answered {
        let mut place = Place::default();
        loop {
            match self.read_events(&mut events, &mut place).await? {
                StreamEnd::Answered(answer) => return answer,
                StreamEnd::Early => {
                    self.pause(&place).await;
                    let cause = "the stream ended".to_owned();
                    events = self.resume(http, &mut place, cause).await?;
                }
                StreamEnd::Cut(cause) => events = self.resume(http, &mut place, cause).await?,
            }
        }
    }

    /// An upstream that lets go of the gateway does not want to hold a connection for as long as the call takes; nor
    /// does the client's have to be held then.
    async fn pause(&mut self, place: &Place) {
        if let Some(caller) = self.caller
            && place.last_id().is_some()
        {
            let pause = place.pause(self.upstream.settings.timing.reopen);
            let retry_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            self.questions.during(caller.events.pause(retry_ms)).await;
        }
    }

    async fn read_events(
        &mut self,
        events: &mut EventStream,
        place: &mut Place,
    ) -> Result<StreamEnd, UpstreamError> {
        loop {
            let event = match self.questions.during(events.next()).await? {
                Next::Event(event) => event,
                Next::Closed => return Ok(StreamEnd::Early),
                Next::Cut(cause) => return Ok(StreamEnd::Cut(cause)),
            };
            place.note(&event);
            if !event.is_message() {
                continue;
            }
            if let Some(answer) = self.hear(&event.data).await? {
                return Ok(StreamEnd::Answered(answer));
            }
        }
    }
}
