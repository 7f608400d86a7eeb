//! Holds the streams on which an upstream tells that its lists have changed.
//!
//! The end of such a stream is also the first sign of the upstream's death.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};

use mcpg_config::app::Import;
use mcpg_mcp::initialize::ServerCapabilities;
use mcpg_mcp::object::Object;
use serde_json::value::RawValue;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::conversation::Conversation;
use super::core::Upstream;
use super::error::UpstreamError;
use super::events::{Content, EventStream, Next};
use super::peer::Peer;
use super::probe::{LegacyServer, ModernServer};
use super::refusal;
use super::resume::Place;
use super::signals::Lists;

/// How the streams of an upstream are doing.
#[derive(Default)]
pub(super) struct Streams {
    open: AtomicUsize,
    legacy: CancellationToken,
    modern: CancellationToken,
}

/// One stream that is open.
struct Open<'a>(&'a Streams);

/// What came of an attempt to open a stream.
enum Attempt {
    Stream(Box<EventStream>),
    /// Not now.
    Failed,
    /// The upstream has no such stream.
    Never,
}

impl Streams {
    /// Whether the end of a stream would tell of the upstream's death.
    pub(super) fn are_open(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }

    /// Waits until each stream was opened or refused for the first time.
    pub(super) async fn settled(&self) {
        self.legacy.cancelled().await;
        self.modern.cancelled().await;
    }

    fn opened(&self) -> Open<'_> {
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(self)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Upstream {
    /// Holds the GET stream of the shared session.
    pub(super) async fn listen_legacy(&self, server: Option<&LegacyServer>, streams: &Streams) -> Infallible {
        let Some(LegacyServer { session, .. }) = server else {
            return never(&streams.legacy).await;
        };
        let peer = Peer::Legacy(session);
        let mut place = Place::default();
        loop {
            match self.open_get(peer).await {
                Attempt::Stream(events) => {
                    let conversation = Conversation::new(self, peer, None, None);
                    self.follow(conversation, events, &mut place, streams, &streams.legacy)
                        .await;
                }
                Attempt::Failed => {}
                Attempt::Never => return never(&streams.legacy).await,
            }
            self.pause(&mut place, &streams.legacy).await;
        }
    }

    /// Holds a `subscriptions/listen`.
    pub(super) async fn listen_modern(&self, server: Option<&ModernServer>, streams: &Streams) -> Infallible {
        let wanted = server.and_then(|server| {
            let capabilities = ServerCapabilities::new(&server.about.capabilities);
            subscription(capabilities, self.settings.import).map(|params| (server.version, params))
        });
        let Some((version, params)) = wanted else {
            return never(&streams.modern).await;
        };
        let peer = Peer::Modern(version);
        let mut place = Place::default();
        loop {
            let id = self.mint.id();
            let body = self.own_body(peer, &id, "subscriptions/listen", Some(&params));
            let headers = self.own_headers(peer, "subscriptions/listen");
            let attempt = match self.http.post(headers, body).await {
                Ok(response) => self.attempt(response, peer).await,
                Err(_) => Attempt::Failed,
            };
            match attempt {
                Attempt::Stream(events) => {
                    let conversation = Conversation::new(self, peer, Some(&id), None);
                    self.follow(conversation, events, &mut place, streams, &streams.modern)
                        .await;
                }
                Attempt::Failed => {}
                Attempt::Never => return never(&streams.modern).await,
            }
            self.pause(&mut place, &streams.modern).await;
        }
    }

    async fn open_get(&self, peer: Peer<'_>) -> Attempt {
        let mut headers = self.http.get_headers();
        peer.add_headers(&mut headers);
        // Without a timeout: some servers send the head of the answer only with the first event.
        match self.http.get(headers).await {
            Ok(response) => self.attempt(response, peer).await,
            Err(_) => Attempt::Failed,
        }
    }

    async fn attempt(&self, response: http::Response<hyper::body::Incoming>, peer: Peer<'_>) -> Attempt {
        let limit = self.settings.max_response_bytes;
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
        &self,
        mut conversation: Conversation<'_>,
        mut events: Box<EventStream>,
        place: &mut Place,
        streams: &Streams,
        settled: &CancellationToken,
    ) {
        let _open = streams.opened();
        if settled.is_cancelled() {
            // Nobody listened for a while.
            self.signals.lists_changed(Lists::ALL);
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

    async fn pause(&self, place: &mut Place, settled: &CancellationToken) {
        settled.cancel();
        self.signals.suspect();
        place.attempt();
        sleep(place.pause(self.settings.timing.reopen)).await;
    }
}

async fn never(settled: &CancellationToken) -> Infallible {
    settled.cancel();
    pending().await
}

/// The params of a subscription to the changes of everything that is imported; `None` when the server reports none.
fn subscription(server: ServerCapabilities<'_>, import: Import) -> Option<Box<RawValue>> {
    let mut wanted = Object::new();
    let candidates = [
        ("toolsListChanged", "tools", import.tools),
        ("promptsListChanged", "prompts", import.prompts),
        (
            "resourcesListChanged",
            "resources",
            import.resources || import.resource_templates,
        ),
    ];
    for (member, list, imported) in candidates {
        if imported && server.list_changed(list) {
            wanted.set_bool(member, true);
        }
    }
    if wanted.is_empty() {
        return None;
    }
    let mut params = Object::new();
    params.set("notifications", wanted.to_raw());
    Some(params.to_raw())
}
