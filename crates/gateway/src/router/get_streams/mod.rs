//! The GET streams of legacy sessions: their connections here, and what reaches the client on them.
//!
//! What belongs to no call comes from the GET streams of the client session's own upstream sessions, which one replica at a
//! time reads for the whole fleet ([`claims`]). It goes into the record of the session, and from there to the client by
//! whichever replica holds the stream that it was put into ([`hold`]).

mod answers;
mod claims;
mod held;
mod hold;
mod open;
mod pass_on;
mod wake;

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use mcpg_capabilities::delivery::get::{Adopter, Claimant, GetStreams, TakenOver};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use self::claims::Claims;
use self::held::HeldStreams;
pub(super) use self::held::{HeldStream, LevelSource};
pub(crate) use self::open::Resumed;
use super::core::Router;

/// Of so many sessions it is remembered that their losses were told.
const MOST_WARNED: usize = 1_000;

/// What the router knows of GET streams.
pub(super) struct Gets {
    pub(super) streams: GetStreams,
    pub(super) held: HeldStreams,
    claims: Claims,
    /// Given when this replica stops: who is connected is asked to come back, which another replica answers.
    draining: CancellationToken,
    /// The sessions whose losses were told.
    warned: Mutex<HashSet<String>>,
}

impl Gets {
    pub(super) fn new(streams: GetStreams) -> Self {
        Self {
            streams,
            held: HeldStreams::default(),
            claims: Claims::default(),
            draining: CancellationToken::new(),
            warned: Mutex::default(),
        }
    }

    /// How often what is held is kept alive: as often as a session in use is touched.
    fn keep_every(&self) -> Duration {
        // A record lives for one and a quarter idle timeouts.
        self.streams.record_ttl() / 5
    }

    /// Whether the log is to be told of the messages that a session lost: once for each.
    fn warn_of_loss(&self, session: &str) -> bool {
        let mut warned = self.warned.lock();
        if warned.len() >= MOST_WARNED {
            warned.clear();
        }
        warned.insert(session.to_owned())
    }

    /// Closes the record of a session that is gone. Where that fails it expires.
    async fn close(&self, session: &str) -> bool {
        match self.streams.close(session).await {
            Ok(_) => true,
            Err(error) => {
                debug!(message = "The GET streams of a closed session could not be closed yet.", %error);
                false
            }
        }
    }
}

/// Goes on with the upstream streams of dead replicas.
pub(super) struct Adoption {
    router: Weak<Router>,
}

impl Adoption {
    pub(super) fn by(router: &Arc<Router>) -> Arc<Self> {
        Arc::new(Self {
            router: Arc::downgrade(router),
        })
    }
}

impl Adopter for Adoption {
    fn claimant(&self) -> Option<Claimant> {
        self.router.upgrade()?.claimant().map(|(claimant, _)| claimant)
    }

    fn adopt(&self, taken: TakenOver) {
        if let Some(router) = self.router.upgrade() {
            router.read_claimed(&taken.session, &taken.upstream);
            let waking = Arc::clone(&router);
            router.tasks.spawn(async move {
                waking
                    .wake_holders(&taken.session, &taken.wake, taken.version)
                    .await;
            });
        }
    }
}

/// How long a client is asked to wait before it comes back: every one another time, so that they do not come at once.
fn retry_ms() -> u64 {
    let drawn = getrandom::u32().unwrap_or_default();
    500 + u64::from(drawn) % 4_500
}
