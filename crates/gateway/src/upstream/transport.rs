//! The two ways to reach an upstream: over HTTP, or as a child process over its standard input and output.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use mcpg_mcp::version::ProtocolVersion;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::child::Children;
use super::conversation::Answered;
use super::core::Upstream;
use super::error::UpstreamError;
use super::hold::Parting;
use super::http::HttpClient;
use super::peer::Peer;
use super::probe::Found;
use super::sending::Sending;
use super::session::{For, Session};
use super::settings::{Settings, TransportSettings};
use super::signals::Signals;
use super::streams::Streams;
use crate::mint::Mint;

pub(super) enum Transport {
    Http(Arc<HttpClient>),
    Child(Arc<Children>),
}

impl Transport {
    pub(super) fn new(settings: &Settings, mint: &Mint, signals: &Arc<Signals>, tasks: &TaskTracker) -> Self {
        match &settings.transport {
            TransportSettings::Http(http) => Self::Http(Arc::new(HttpClient::new(http))),
            TransportSettings::Child(program) => Self::Child(Arc::new(Children::new(
                program,
                settings,
                mint.clone(),
                Arc::clone(signals),
                tasks.clone(),
            ))),
        }
    }

    /// The children, where the upstream is a program.
    pub(super) fn children(&self) -> Option<&Arc<Children>> {
        match self {
            Self::Http(_) => None,
            Self::Child(children) => Some(children),
        }
    }
}

impl Upstream {
    /// Whether the upstream is a program that this replica runs, whose sessions no other replica can use by itself.
    pub(crate) fn is_child(&self) -> bool {
        self.transport.children().is_some()
    }

    /// Whether this replica runs the process of a session.
    pub(crate) fn runs(&self, session: &Session) -> bool {
        self.transport
            .children()
            .is_some_and(|children| children.has(session))
    }

    /// Sends a request and converses until it is answered. Dropping the future cancels what was asked for a client.
    pub(super) async fn exchange(&self, peer: Peer<'_>, sending: Sending<'_>) -> Answered {
        match &self.transport {
            Transport::Http(http) => http.exchange(self, peer, sending).await,
            Transport::Child(children) => children.exchange(self, peer, sending).await,
        }
    }

    /// Sends a message that has no answer.
    pub(super) async fn post_message(&self, peer: Peer<'_>, message: Bytes) -> Result<(), UpstreamError> {
        let limit = self.settings.timing.request;
        let posted = timeout(limit, async {
            match &self.transport {
                Transport::Http(http) => http.post_message(self, peer, message).await,
                Transport::Child(children) => children.post_message(peer, message).await,
            }
        });
        posted.await.unwrap_or_else(|_| {
            Err(UpstreamError::lost(format!(
                "not accepted within {} ms",
                limit.as_millis()
            )))
        })
    }

    /// Sends `initialize`. What is opened stands in `session` at once, so that it can be closed when the answer is none.
    pub(super) async fn greet(
        &self,
        version: ProtocolVersion,
        whom: For,
        sending: Sending<'_>,
        session: &mut Option<Session>,
    ) -> Answered {
        match &self.transport {
            Transport::Http(http) => http.greet(self, version, sending, session).await,
            Transport::Child(children) => children.greet(self, version, whom, sending, session).await,
        }
    }

    /// Closes a session, without holding on to the upstream; `false` when it could not be asked to.
    pub(super) fn closing(&self, session: Session) -> impl Future<Output = bool> + Send + use<> {
        let way = match &self.transport {
            Transport::Http(http) => Ok(http.deletion(self.name(), session, self.settings.timing.request)),
            Transport::Child(children) => Err(children.ending(&session)),
        };
        async move {
            match way {
                Ok(deletion) => deletion.await,
                Err(ending) => {
                    ending.await;
                    true
                }
            }
        }
    }

    /// Hears of changes, for as long as the upstream is held. Ends when there is nobody left to hear from.
    pub(super) async fn listen(&self, found: &Found, streams: &Streams) -> Parting {
        let never: Infallible = match &self.transport {
            Transport::Http(http) => tokio::select! {
                never = http.listen_legacy(self, found.legacy.as_ref(), streams) => never,
                never = http.listen_modern(self, found.modern.as_ref(), streams) => never,
            },
            Transport::Child(children) => tokio::select! {
                cause = children.end_of_held() => return Parting::Gone(cause),
                never = children.listen(self, found, streams) => never,
            },
        };
        match never {}
    }

    /// Ends what is left of an upstream that is held no more.
    pub(super) async fn let_go(&self) {
        if let Some(children) = self.transport.children() {
            children.end_held().await;
        }
    }
}
