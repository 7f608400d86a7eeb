//! The replicas whose heartbeats stand in the feed, and which layouts of records all of them read.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::owner::BootId;
use crate::store::Formats;

/// The members of the fleet as one replica sees them. Nothing that decides ownership reads it.
#[derive(Debug)]
pub struct Members {
    own: BootId,
    formats: Arc<Formats>,
    others: Mutex<BTreeMap<BootId, u32>>,
}

impl Members {
    pub(super) fn new(own: BootId, formats: Arc<Formats>) -> Self {
        Self {
            own,
            formats,
            others: Mutex::default(),
        }
    }

    /// How many replicas there are, this one included.
    pub fn count(&self) -> usize {
        self.others.lock().len() + 1
    }

    /// The other replicas.
    pub fn others(&self) -> Vec<BootId> {
        self.others.lock().keys().cloned().collect()
    }

    /// A heartbeat of a member that reads layouts up to `reads`.
    pub(super) fn seen(&self, boot: BootId, reads: u32) {
        if boot == self.own {
            return;
        }
        let known = self.others.lock().insert(boot, reads);
        // Only an older release holds a newer one back, and at once.
        if known != Some(reads) && reads < self.formats.written() {
            self.know_all();
        }
    }

    pub(super) fn gone(&self, boot: &BootId) {
        if self.others.lock().remove(boot).is_some() {
            self.know_all();
        }
    }

    pub(super) fn none_seen(&self) {
        self.others.lock().clear();
    }

    /// What has been seen is all there is.
    pub(super) fn know_all(&self) {
        let others = self.others.lock();
        let all_read = others.values().copied().fold(self.formats.reads(), u32::min);
        self.formats.members_read(all_read);
    }
}
