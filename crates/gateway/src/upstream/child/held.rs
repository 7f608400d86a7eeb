//! The children that are there for everybody: by them the supervisor knows the upstream.

use std::convert::Infallible;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::sleep;

use super::calls::Child;
use super::set::Children;
use crate::upstream::core::Upstream;
use crate::upstream::error::UpstreamError;
use crate::upstream::peer::Peer;
use crate::upstream::probe::Found;
use crate::upstream::sending::Sending;
use crate::upstream::session::For;
use crate::upstream::streams::Streams;

/// A server of both eras has one for each, since a process decides for one of them.
#[derive(Default)]
pub(super) struct Held {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The one that was asked what it is, and serves modern requests if it is a modern server.
    modern: Option<Arc<Child>>,
    /// The same one, when it is no modern server: it may be greeted.
    to_greet: Option<Arc<Child>>,
    /// The one of the shared session.
    shared: Option<Arc<Child>>,
}

impl Held {
    /// The one for modern requests.
    pub(super) fn modern(&self) -> Result<Arc<Child>, UpstreamError> {
        let inner = self.inner.lock();
        let child = inner.modern.as_ref().map(Arc::clone);
        child.ok_or_else(|| UpstreamError::not_sent("its process has ended"))
    }

    /// The one that was asked what it is and turned out to be a legacy server.
    pub(super) fn to_greet(&self) -> Option<Arc<Child>> {
        let child = self.inner.lock().to_greet.take();
        child.filter(|child| child.routes.cause().is_none())
    }

    /// Takes the one of the shared session.
    pub(super) fn greeted(&self, child: Arc<Child>) {
        self.inner.lock().shared = Some(child);
    }

    fn all(&self) -> Vec<Arc<Child>> {
        let inner = self.inner.lock();
        [&inner.modern, &inner.to_greet, &inner.shared]
            .into_iter()
            .flatten()
            .map(Arc::clone)
            .collect()
    }
}

impl Children {
    /// Starts the process that is asked what it is.
    pub(in crate::upstream) fn start_asking(&self) -> Result<(), UpstreamError> {
        let child = self.start(For::Everybody)?;
        self.held.inner.lock().modern = Some(child);
        Ok(())
    }

    /// The process that was asked is no modern server.
    pub(in crate::upstream) fn is_legacy(&self) {
        let mut inner = self.held.inner.lock();
        inner.to_greet = inner.modern.take();
    }

    /// Waits until one of the processes that are held has ended; returns why.
    pub(in crate::upstream) async fn end_of_held(&self) -> String {
        let ends = self.held.all().into_iter().map(|child| {
            Box::pin(async move {
                child.ended.cancelled().await;
                child.routes.cause().unwrap_or_default()
            })
        });
        let ends: Vec<_> = ends.collect();
        if ends.is_empty() {
            return std::future::pending().await;
        }
        futures_util::future::select_all(ends).await.0
    }

    /// Why one of the processes that are held has ended, if one has.
    pub(in crate::upstream) fn cause_of_end(&self) -> Option<String> {
        self.held.all().iter().find_map(|child| child.routes.cause())
    }

    /// Whether a process that is held executes something for a client.
    pub(in crate::upstream) fn held_is_busy(&self) -> bool {
        self.held.all().iter().any(|child| child.routes.has_calls())
    }

    /// Ends the processes that are held and waits until nothing is left of them.
    pub(in crate::upstream) async fn end_held(&self) {
        let all = {
            let all = self.held.all();
            *self.held.inner.lock() = Inner::default();
            all
        };
        for child in &all {
            child.stop.cancel();
        }
        for child in all {
            child.ended.cancelled().await;
        }
    }

    /// Holds a `subscriptions/listen` where that is of use. What a child says is heard without it too.
    pub(in crate::upstream) async fn listen(
        &self,
        upstream: &Upstream,
        found: &Found,
        streams: &Streams,
    ) -> Infallible {
        // The end of a child is noticed at once, as that of a stream would be.
        let _open = streams.opened();
        streams.legacy.cancel();
        streams.modern.cancel();
        let Some((version, params)) = upstream.subscription(found.modern.as_ref()) else {
            return std::future::pending().await;
        };
        let peer = Peer::Modern(version);
        loop {
            let id = upstream.mint.id();
            let sending = Sending {
                id: &id,
                method: "subscriptions/listen",
                name: None,
                parameter_headers: &[],
                body: upstream.own_body(peer, &id, "subscriptions/listen", Some(&params)),
                caller: None,
            };
            match self.exchange(upstream, peer, sending).await {
                // It has no such thing.
                Err(UpstreamError::Rpc(_)) => return std::future::pending().await,
                // It ended, or its process did, which is noticed elsewhere.
                _ => sleep(upstream.settings.timing.reopen).await,
            }
        }
    }
}
