//! Who gets the next request.

/// How a balancer spreads requests over its replicas.
pub(crate) struct Policy(Kind);

enum Kind {
    RoundRobin { next: usize },
    Random { state: u64 },
    Pattern { replicas: Vec<usize>, next: usize },
}

impl Policy {
    /// One after the other, in strict order; replicas that are out are skipped.
    pub(crate) fn round_robin() -> Self {
        Self(Kind::RoundRobin { next: 0 })
    }

    /// In an order that looks random and is the same for the same seed.
    pub(crate) fn random(seed: u64) -> Self {
        Self(Kind::Random { state: seed })
    }

    /// In this order, over and over; entries of replicas that are out are skipped.
    pub(crate) fn pattern(replicas: &[usize]) -> Self {
        assert!(!replicas.is_empty(), "a pattern names at least one replica");
        Self(Kind::Pattern {
            replicas: replicas.to_vec(),
            next: 0,
        })
    }

    /// The next replica; `available[replica]` tells which may be chosen.
    pub(super) fn next(&mut self, available: &[bool]) -> Option<usize> {
        match &mut self.0 {
            Kind::RoundRobin { next } => {
                let count = available.len();
                let chosen = (*next..*next + count)
                    .map(|at| at % count)
                    .find(|replica| available[*replica])?;
                *next = (chosen + 1) % count;
                Some(chosen)
            }
            Kind::Random { state } => {
                let candidates: Vec<usize> = (0..available.len()).filter(|at| available[*at]).collect();
                let count = u64::try_from(candidates.len()).expect("a count fits into 64 bits");
                let at = split_mix(state).checked_rem(count)?;
                candidates.get(usize::try_from(at).ok()?).copied()
            }
            Kind::Pattern { replicas, next } => {
                let count = replicas.len();
                let at = (*next..*next + count)
                    .map(|at| at % count)
                    .find(|at| available[replicas[*at]])?;
                *next = (at + 1) % count;
                Some(replicas[at])
            }
        }
    }
}

/// The generator SplitMix64: every seed is a good one, and no dependency can change its order.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
