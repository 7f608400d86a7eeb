//! Keeps in touch with an upstream that was found: hears of changes, reads its lists, notices its end.

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::core::Upstream;
use super::error::UpstreamError;
use super::peer::Peer;
use super::probe::Found;
use super::signals::{List, Lists};
use super::state::Offer;
use super::streams::Streams;

/// The lists are read when the streams that report changes are open, so that no change falls between the two; a
/// stream that takes longer than this is not waited for.
const STREAMS: Duration = Duration::from_secs(1);

/// Why the upstream is no longer held.
#[derive(Debug)]
pub(super) enum Parting {
    /// It does not answer any more, and why.
    Gone(String),
    /// It answers but has forgotten the session: everything has to be found out again.
    Renew,
}

/// The offers being read. A list that cannot be read stays as it was.
struct Reading<'a> {
    upstream: &'a Upstream,
    found: &'a Found,
    legacy: Option<Offer>,
    modern: Option<Offer>,
    /// The lists that could not be read.
    failed: Lists,
}

impl Upstream {
    /// Publishes what the upstream offers and keeps that up to date until the upstream is gone.
    pub(super) async fn hold(&self, found: &Found) -> Parting {
        let peer = match (&found.legacy, &found.modern) {
            (Some(legacy), _) => Peer::Legacy(&legacy.session),
            (None, Some(modern)) => Peer::Modern(modern.version),
            (None, None) => return Parting::Gone("it speaks no revision that the gateway speaks".to_owned()),
        };
        let streams = Streams::default();
        let parting = tokio::select! {
            parting = self.listen(found, &streams) => parting,
            parting = self.pulse(peer, &streams) => parting,
            parting = self.keep_listing(found, &streams) => parting,
            never = self.listen_for_resources(found) => match never {},
        };
        self.cease_to_listen();
        parting
    }

    async fn keep_listing(&self, found: &Found, streams: &Streams) -> Parting {
        let mut reading = Reading {
            upstream: self,
            found,
            legacy: found.legacy.as_ref().map(Offer::of_legacy),
            modern: found.modern.as_ref().map(Offer::of_modern),
            failed: Lists::default(),
        };
        // What streams said before the lists are read for the first time does not matter.
        let _ = timeout(STREAMS, streams.settled()).await;
        self.begin_to_listen(found);
        let (_, mut times) = self.signals.take_changed();
        let mut lists = Lists::ALL;
        loop {
            if let Err(parting) = reading.read(lists).await {
                return parting;
            }
            self.publish(
                reading.legacy.clone().map(Arc::new),
                reading.modern.clone().map(Arc::new),
            );
            self.signals.have_read(times);
            tokio::select! {
                () = self.signals.lists_have_changed() => sleep(self.settings.timing.debounce).await,
                () = sleep(self.settings.timing.request), if !reading.failed.is_empty() => {}
            }
            let changed;
            (changed, times) = self.signals.take_changed();
            lists = changed.and(reading.failed);
        }
    }
}

impl Reading<'_> {
    /// Reads the given lists of both eras again.
    async fn read(&mut self, lists: Lists) -> Result<(), Parting> {
        let before = std::mem::take(&mut self.failed);
        let (upstream, import) = (self.upstream, self.upstream.settings.import);
        let legacy = self
            .found
            .legacy
            .as_ref()
            .map(|server| Peer::Legacy(&server.session));
        let modern = self
            .found
            .modern
            .as_ref()
            .map(|server| Peer::Modern(server.version));
        for (peer, offer) in [(legacy, &mut self.legacy), (modern, &mut self.modern)] {
            let (Some(peer), Some(offer)) = (peer, offer) else {
                continue;
            };
            for list in List::ALL.into_iter().filter(|list| lists.has(*list)) {
                if !list.is_wanted(offer.server(), import) {
                    continue;
                }
                match upstream.list(peer, list).await {
                    Ok(items) => *offer.items(list) = items,
                    Err(UpstreamError::SessionGone) => return Err(Parting::Renew),
                    Err(
                        error @ (UpstreamError::NotSent { .. }
                        | UpstreamError::Lost { .. }
                        | UpstreamError::Refused { .. }),
                    ) => {
                        return Err(Parting::Gone(format!(
                            "{}: {}",
                            list.method(),
                            error.into_cause()
                        )));
                    }
                    Err(error) => {
                        if !before.has(list) {
                            let (upstream, method) = (upstream.name(), list.method());
                            warn!(message = "A list of an upstream cannot be read.", upstream, method, %error);
                        }
                        self.failed = self.failed.and(Lists::only(list));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether two lists hold the same items in the same order.
pub(super) fn same_items(one: &[Box<RawValue>], other: &[Box<RawValue>]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.get() == other.get())
}
