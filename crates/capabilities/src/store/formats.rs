//! Which layout of records is written while replicas of two releases run together.

use std::sync::atomic::{AtomicU32, Ordering};

use super::record::Format;

/// The layout that this replica writes: its own newest one as soon as every member of the fleet reads that, until then
/// the one before. What this says may be a moment old, which is why every release reads one layout ahead.
#[derive(Debug)]
pub struct Formats {
    native: u32,
    written: AtomicU32,
}

impl Default for Formats {
    fn default() -> Self {
        Self::new(Format::NATIVE)
    }
}

impl Formats {
    /// For a release whose newest layout is `native`. Nothing is known of the other members yet.
    pub fn new(native: u32) -> Self {
        Self {
            native,
            written: AtomicU32::new(native.saturating_sub(1).max(1)),
        }
    }

    /// The layout to write now.
    pub fn written(&self) -> u32 {
        self.written.load(Ordering::Relaxed)
    }

    /// The newest layout that this release reads.
    pub fn reads(&self) -> u32 {
        self.native + 1
    }

    /// Every member of the fleet reads layouts up to `newest`.
    pub fn members_read(&self, newest: u32) {
        let written = self.native.min(newest).max(1);
        self.written.store(written, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_17_a_new_layout_is_written_as_soon_as_every_member_reads_it() {
        let formats = Formats::new(3);
        assert_eq!(formats.written(), 2, "nothing is known yet");
        formats.members_read(4);
        assert_eq!(formats.written(), 3);
        formats.members_read(2);
        assert_eq!(formats.written(), 2, "a member of an older release has joined");
        assert_eq!(Formats::default().written(), 1);
    }
}
