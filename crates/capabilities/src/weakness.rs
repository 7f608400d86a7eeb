//! Protections that a test can take out, to see that they are what keeps an invariant.

use mcpg_cluster::Key;

/// A protection that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weakness {
    /// A view that slept past the retention of the feed trusts what comes out of its buffer.
    TrustsOldEvents,
    /// A session is remembered after a read, without a touch.
    ReadsAreEnough,
    /// What is remembered is used however long ago the last touch was.
    EntriesNeverAge,
    /// A closed session's record is deleted.
    LeavesNoTombstone,
    /// A closed session's record lives for one second.
    ShortTombstone,
    /// The members are listed although the list may be old.
    ListsThoughStale,
    /// Who meets a tombstone only waits.
    WaitsOnly,
    /// A replica that finds the incarnation changed repairs it.
    RepairsChanges,
    /// The judge only renews its own lease.
    JudgesDisturbed,
    /// The judge asks for nothing but the other's lease.
    JudgesAtOnce,
    /// The head of a call that is over is deleted.
    DeletesEndedHeads,
    /// A cancel that finds no head leaves no marker.
    CancelOnlyLooks,
    /// The marker of a cancel lives for one second.
    ShortMarker,
    /// A call opens however late it is.
    NeverTooLate,
    /// The cancel of a call stands in a record of its own.
    TwoRecords,
    /// Who takes over a call passes its answer on. No code of this crate ever does: the test plays the successor.
    #[cfg(test)]
    SuccessorForwards,
    /// The record of a stream is written before the bodies that it names.
    BodiesAfterHeads,
    /// A reader goes on behind a body that is gone.
    SkipsMissingBodies,
    /// Messages are appended to a stream however dead its holder is.
    HoldersLiveForEver,
    /// The queue is moved into a stream by a write of its own.
    QueueAndLogAreTwoRecords,
    /// The place in an upstream's stream is written after what the upstream said.
    PlaceInASecondWrite,
    /// What was appended with unknown outcome is appended again without looking.
    AppendsBlindly,
    /// The owner of a call writes its head again where that is gone.
    RecreatesHeads,
    /// Who reads a stream does not mind another reader.
    NeverDisplaced,
    /// An event is sent before it is logged. No code of this crate ever does: the test plays the owner.
    #[cfg(test)]
    SendsUnlogged,
    /// A request mail is executed without being taken.
    ExecutesUntaken,
    /// Clients are told of new lists before every replica has dropped the old ones.
    RaisesAtOnce,
    /// What a replica subscribed to is not in the index by which a sweeper finds it.
    SubscribesUnindexed,
    /// A stream counts as told what another stream of its session was told. The test plays the holder of the streams.
    #[cfg(test)]
    ToldElsewhere,
    /// A stream that was attached goes by what its session wanted before. The test plays its holder.
    #[cfg(test)]
    NoLookAtAttach,
}

/// Where the cancel of a call would stand if it had a record of its own.
pub(crate) fn beside(key: &Key) -> Key {
    Key::new(key.scope.clone(), [key.name.as_ref(), b"/cancelled"].concat())
}

/// Whether a protection is missing: never, outside this crate's own tests.
#[cfg(not(test))]
pub(crate) const fn has(_weakness: Weakness) -> bool {
    false
}

#[cfg(test)]
pub(crate) use in_tests::{has, with};

#[cfg(test)]
mod in_tests {
    use std::cell::Cell;

    use super::Weakness;

    thread_local! {
        static MISSING: Cell<Option<Weakness>> = const { Cell::new(None) };
    }

    /// Whether a protection is missing on this thread.
    pub(crate) fn has(weakness: Weakness) -> bool {
        MISSING.get() == Some(weakness)
    }

    /// Runs `work` on this thread without one protection.
    pub(crate) fn with<T>(missing: Option<Weakness>, work: impl FnOnce() -> T) -> T {
        struct Reset;
        impl Drop for Reset {
            fn drop(&mut self) {
                MISSING.set(None);
            }
        }
        MISSING.set(missing);
        let _reset = Reset;
        work()
    }
}
