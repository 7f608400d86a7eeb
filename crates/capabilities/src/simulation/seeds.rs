//! The one source of randomness of a run.

use std::cell::RefCell;

thread_local! {
    static BYTES: RefCell<Option<fastrand::Rng>> = const { RefCell::new(None) };
}

/// Random bytes of the run on this thread; `None` outside a run, where the operating system gives them.
///
/// Ids and nonces come from here, because lists are ordered by them and so steer what happens next.
pub(crate) fn seeded_bytes<const N: usize>() -> Option<[u8; N]> {
    BYTES.with_borrow_mut(|random| {
        let random = random.as_mut()?;
        let mut bytes = [0; N];
        random.fill(&mut bytes);
        Some(bytes)
    })
}

/// Runs `work` on this thread with random bytes that follow from `seed`.
pub(crate) fn with_seed<T>(seed: u64, work: impl FnOnce() -> T) -> T {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            BYTES.set(None);
        }
    }
    // The world draws from the seed itself; another stream keeps the two apart.
    BYTES.set(Some(fastrand::Rng::with_seed(seed ^ 0x5eed_b17e_5000_0000)));
    let _reset = Reset;
    work()
}
