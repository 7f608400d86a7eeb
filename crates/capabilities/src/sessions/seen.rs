//! What this replica remembers of the sessions that it has seen: when it touched them, and their decoded records.
//!
//! It is a memory of work done, not a cache of truth: every use is still decided by a read of the coordinator, and a
//! remembered record is used only when its version is the one that was just read.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mcpg_cluster::Version;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::id::SessionId;
use super::record::SessionRecord;

/// After how many new entries the expired ones are thrown away.
const SWEEP_EVERY: usize = 1024;

#[derive(Debug)]
struct Seen {
    touched: Instant,
    minted_here: bool,
    record: Arc<SessionRecord>,
    version: Version,
}

/// The sessions that this replica has seen alive within their lifetime.
#[derive(Debug)]
pub(super) struct SeenSessions {
    lifetime: Duration,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    sessions: HashMap<SessionId, Seen>,
    minted: usize,
    since_sweep: usize,
}

impl SeenSessions {
    pub(super) fn new(lifetime: Duration) -> Self {
        Self {
            lifetime,
            inner: Mutex::new(Inner::default()),
        }
    }

    /// How many sessions minted here may still live.
    pub(super) fn minted(&self) -> usize {
        self.inner.lock().minted
    }

    /// Forgets everything that has expired.
    pub(super) fn sweep(&self) {
        self.inner.lock().sweep(self.lifetime);
    }

    /// Remembers a session that was just written or touched (`touched` = just before that was sent).
    pub(super) fn remember(
        &self,
        id: &SessionId,
        touched: Instant,
        minted_here: bool,
        record: Arc<SessionRecord>,
        version: Version,
    ) {
        let mut inner = self.inner.lock();
        inner.since_sweep += 1;
        if inner.since_sweep >= SWEEP_EVERY {
            inner.sweep(self.lifetime);
        }
        let minted_here = minted_here || inner.sessions.get(id).is_some_and(|seen| seen.minted_here);
        let seen = Seen {
            touched,
            minted_here,
            record,
            version,
        };
        let before = inner.sessions.insert(id.clone(), seen);
        if minted_here && !before.is_some_and(|before| before.minted_here) {
            inner.minted += 1;
        }
    }

    /// The remembered record, if it is the one with `version`, and when this replica last touched the session.
    pub(super) fn recall(&self, id: &SessionId, version: Version) -> Option<(Arc<SessionRecord>, Instant)> {
        let inner = self.inner.lock();
        let seen = inner.sessions.get(id)?;
        (seen.version == version).then(|| (Arc::clone(&seen.record), seen.touched))
    }

    /// When this replica last touched the session, whatever version it has now.
    pub(super) fn touched(&self, id: &SessionId) -> Option<Instant> {
        self.inner.lock().sessions.get(id).map(|seen| seen.touched)
    }

    /// Forgets a session that is gone.
    pub(super) fn forget(&self, id: &SessionId) {
        let mut inner = self.inner.lock();
        if inner.sessions.remove(id).is_some_and(|seen| seen.minted_here) {
            inner.minted -= 1;
        }
    }
}

impl Inner {
    fn sweep(&mut self, lifetime: Duration) {
        self.since_sweep = 0;
        let mut minted = 0;
        self.sessions.retain(|_, seen| {
            let lives = seen.touched.elapsed() < lifetime;
            minted += usize::from(lives && seen.minted_here);
            lives
        });
        self.minted = minted;
    }
}
