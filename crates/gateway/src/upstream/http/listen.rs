//! Holds the streams on which an upstream tells that its lists have changed.
//!
//! The end of such a stream is also the first sign of the upstream's death.

use std::convert::Infallible;
use std::future::pending;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::client::HttpClient;
use super::events::{Content, EventStream, Next};
use super::refusal;
use super::resume::Place;
use crate::upstream::conversation::Conversation;
use crate::upstream::core::Upstream;
use crate::upstream::error::UpstreamError;
use crate::upstream::peer::Peer;
use crate::upstream::probe::{LegacyServer, ModernServer};
use crate::upstream::signals::Lists;
use crate::upstream::streams::Streams;

/// What came of an attempt to open a stream.
enum Attempt {
    Stream(Box<EventStream>),
    /// Not now.
    Failed,
    /// The upstream has no such stream.
    Never,
}

impl HttpClient {
    /// Holds the GET stream of the shared session.
    pub(in crate::upstream) async fn listen_legacy(
        &self,
        upstream: &Upstream,
        server: Option<&LegacyServer>,
        streams: &Streams,
    ) -> Infallible {
        let Some(LegacyServer { session, .. }) = server else {
            return never(&streams.legacy).await;
        };
        let peer = Peer::Legacy(session);
        let mut place = Place::default();
        loop {
            match self.open_get(upstream, peer).await {
                Attempt::Stream(events) => {
                    let conversation = Conversation::new(upstream, peer, None, None);
                    follow(conversation, events, &mut place, streams, &streams.legacy).await;
                }
                Attempt::Failed => {}
                Attempt::Never => return never(&streams.legacy).await,
            }
            pause(upstream, &mut place, &streams.legacy).await;
        }
    }

    /// Holds a `subscriptions/listen`.
    pub(in crate::upstream) async fn listen_modern(
        &self,
        upstream: &Upstream,
        server: Option<&ModernServer>,
        streams: &Streams,
    ) -> Infallible {
        let Some((version, params)) = upstream.subscription(server) else {
            return never(&streams.modern).await;
        };
        let peer = Peer::Modern(version);
        let mut place = Place::default();
        loop {
            let id = upstream.mint.id();
            let body = upstream.own_body(peer, &id, "subscriptions/listen", Some(&params));
            let headers = self.own_headers(peer, "subscriptions/listen");
            let attempt = match self.post(headers, body).await {
                Ok(response) => attempt(upstream, response, peer).await,
                Err(_) => Attempt::Failed,
            };
            match attempt {
                Attempt::Stream(events) => {
                    let conversation = Conversation::new(upstream, peer, Some(&id), None);
                    follow(conversation, events, &mut place, streams, &streams.modern).await;
                }
                Attempt::Failed => {}
                Attempt::Never => return never(&streams.modern).await,
            }
            pause(upstream, &mut place, &streams.modern).await;
        }
    }

    async fn open_get(&self, upstream: &Upstream, peer: Peer<'_>) -> Attempt {
        let mut headers = self.get_headers();
        peer.add_headers(&mut headers);
        // Without a timeout: some servers send the head of the answer only with the first event.
        match self.get(headers).await {
            Ok(response) => attempt(upstream, response, peer).await,
            Err(_) => Attempt::Failed,
        }
    }
}

async fn attempt(
    upstream: &Upstream,
    response: http::Response<hyper::body::Incoming>,
    peer: Peer<'_>,
) -> Attempt {
    let limit = upstream.settings.max_response_bytes;
    if response.status().is_success() {
        return match Content::of(response.headers()) {
            Content::Events => Attempt::Stream(Box::new(EventStream::new(response.into_body(), limit))),
            Content::Json | Content::Other => Attempt::Never,
        };
    }
    let for_now = matches!(
        response.status().as_u16(),
        401 | 403 | 409 | 429 | 500 | 502..=599
    );
    match refusal::read(response, peer, None, limit).await {
        UpstreamError::SessionGone => Attempt::Failed,
        _ if for_now => Attempt::Failed,
        _ => Attempt::Never,
    }
}

/// Reads a stream to its end.
async fn follow(
    mut conversation: Conversation<'_>,
    mut events: Box<EventStream>,
    place: &mut Place,
    streams: &Streams,
    settled: &CancellationToken,
) {
    let _open = streams.opened();
    if settled.is_cancelled() {
        // Nobody listened for a while.
        conversation.upstream.signals.lists_changed(Lists::ALL);
        if !conversation.peer.is_modern() {
            conversation.upstream.signals.updates_missed();
        }
    }
    // A modern stream counts from its first message on, which acknowledges it.
    if !conversation.peer.is_modern() {
        settled.cancel();
    }
    while let Ok(Next::Event(event)) = conversation.questions.during(events.next()).await {
        place.note(&event);
        settled.cancel();
        if event.is_message() && !matches!(conversation.hear(&event.data).await, Ok(None)) {
            return;
        }
    }
}

async fn pause(upstream: &Upstream, place: &mut Place, settled: &CancellationToken) {
    settled.cancel();
    upstream.signals.suspect();
    place.attempt();
    sleep(place.pause(upstream.settings.timing.reopen)).await;
}

async fn never(settled: &CancellationToken) -> Infallible {
    settled.cancel();
    pending().await
}
