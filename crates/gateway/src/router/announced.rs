//! Lists that are used by no replica once clients were told that they changed.
//!
//! What a replica has read of an upstream's lists may be used while its view is fresh and nobody has announced a change
//! since. Otherwise it is compared with the record of the fleet first, and read again where it differs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use mcpg_capabilities::catalogues::{Catalogues, Digests};
use mcpg_capabilities::view::View;
use parking_lot::Mutex;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::core::Router;
use crate::upstream::{Offer, State};

/// How long a request waits at the most for what an upstream lists now; then it is answered with what is known.
const PATIENCE: Duration = Duration::from_secs(2);
/// The first pause after a change that could not be written down; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How far the lists of all upstreams may be used.
pub(super) struct Announced {
    pub(super) catalogues: Catalogues,
    view: Arc<View>,
    members: Vec<Lists>,
}

/// The lists of one upstream.
#[derive(Default)]
struct Lists {
    /// How often they were said to be of no use any more.
    dropped: AtomicU64,
    /// Up to which time of those they were compared or read since.
    confirmed: AtomicU64,
    /// One comparison at a time.
    confirming: tokio::sync::Mutex<()>,
    digests: Mutex<Option<(Arc<State>, Arc<Digests>)>>,
}

impl Announced {
    pub(super) fn new(catalogues: Catalogues, view: Arc<View>, members: usize) -> Self {
        Self {
            catalogues,
            view,
            members: std::iter::repeat_with(Lists::default).take(members).collect(),
        }
    }

    /// The lists of an upstream have changed.
    pub(super) fn drop_lists(&self, at: usize) {
        self.members[at].dropped.fetch_add(1, Ordering::AcqRel);
    }

    /// Lists may have changed, and this replica did not hear of it.
    pub(super) fn drop_all(&self) {
        (0..self.members.len()).for_each(|at| self.drop_lists(at));
    }

    fn may_be_used(&self, at: usize) -> bool {
        self.members[at].is_confirmed() && self.view.is_fresh()
    }

    fn all_may_be_used(&self) -> bool {
        self.members.iter().all(Lists::is_confirmed) && self.view.is_fresh()
    }
}

impl Lists {
    fn is_confirmed(&self) -> bool {
        self.confirmed.load(Ordering::Acquire) == self.dropped.load(Ordering::Acquire)
    }

    fn digests_of(&self, state: &Arc<State>) -> Arc<Digests> {
        let mut known = self.digests.lock();
        if let Some((of, digests)) = known.as_ref()
            && Arc::ptr_eq(of, state)
        {
            return Arc::clone(digests);
        }
        let digests = Arc::new(digests(state));
        *known = Some((Arc::clone(state), Arc::clone(&digests)));
        digests
    }
}

impl Router {
    /// Waits until the catalogue holds what every other replica uses or newer, but not for ever.
    pub(super) async fn current_lists(&self) {
        if self.announced.all_may_be_used() {
            return;
        }
        // Boxed: what is rare must not make every request's future larger.
        let looks = (0..self.members.len()).map(|at| self.confirm_in_time(at));
        Box::pin(join_all(looks)).await;
    }

    async fn confirm_in_time(&self, at: usize) {
        if timeout(PATIENCE, self.confirm_lists(at)).await.is_err() {
            let upstream = &self.members[at].0.name;
            debug!(
                message = "The lists of an upstream are used though they may be old.",
                upstream
            );
        }
    }

    /// Compares the lists of an upstream with the fleet's record and reads them again where they differ.
    pub(super) async fn confirm_lists(&self, at: usize) {
        let (federation, upstream) = &self.members[at];
        let lists = &self.announced.members[at];
        let _one_at_a_time = lists.confirming.lock().await;
        if self.announced.may_be_used(at) {
            return;
        }
        let dropped = lists.dropped.load(Ordering::Acquire);
        let record = match self.announced.catalogues.current(&federation.name).await {
            Ok(record) => record,
            Err(error) => {
                debug!(message = "The lists of an upstream cannot be compared.", upstream = federation.name, %error);
                return;
            }
        };
        let state = upstream.state();
        let is_same = record.is_none_or(|record| record.digests == *lists.digests_of(&state));
        if !is_same {
            if !state.status.is_up() {
                // Once it can be reached, everything is read anew.
                return;
            }
            upstream.read_lists_again().await;
        }
        self.rebuild_where_changed();
        lists.confirmed.fetch_max(dropped, Ordering::AcqRel);
    }

    /// Writes down and announces whatever this replica finds changed in the lists of an upstream, until the gateway stops.
    pub(super) async fn announce_lists(self: Arc<Self>, at: usize) {
        let (federation, upstream) = &self.members[at];
        let mut states = upstream.states();
        let mut published: Option<Arc<Digests>> = None;
        let mut pause = FIRST_PAUSE;
        loop {
            let state = Arc::clone(&states.borrow_and_update());
            let is_known = state.legacy.is_some() || state.modern.is_some();
            let digests = self.announced.members[at].digests_of(&state);
            if is_known && state.status.is_up() && published.as_ref() != Some(&digests) {
                match self
                    .announced
                    .catalogues
                    .publish(&federation.name, &digests)
                    .await
                {
                    Ok(()) => {
                        published = Some(digests);
                        pause = FIRST_PAUSE;
                    }
                    Err(error) => {
                        warn!(message = "A change of lists was not announced yet.", upstream = federation.name, %error);
                        sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                        continue;
                    }
                }
            }
            if states.changed().await.is_err() {
                return;
            }
        }
    }
}

fn digests(state: &State) -> Digests {
    type Items = Vec<Box<RawValue>>;
    let offers = [&state.legacy, &state.modern];
    let digest = |lists: &[fn(&Offer) -> &Items]| {
        let mut hash = Sha256::new();
        for offer in offers {
            let offer = offer.as_deref();
            hash.update([u8::from(offer.is_some())]);
            for list in lists {
                let items = offer.map_or(&[][..], |offer| list(offer));
                hash.update((items.len() as u64).to_be_bytes());
                for item in items {
                    hash.update((item.get().len() as u64).to_be_bytes());
                    hash.update(item.get());
                }
            }
        }
        let digest: [u8; 32] = hash.finalize().into();
        digest[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    Digests {
        tools: digest(&[|offer| &offer.tools]),
        prompts: digest(&[|offer| &offer.prompts]),
        resources: digest(&[|offer| &offer.resources, |offer| &offer.resource_templates]),
    }
}
