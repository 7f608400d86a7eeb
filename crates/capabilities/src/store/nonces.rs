//! The marks by which a writer recognises its own write afterwards.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::random;

/// How many writers' marks a record keeps. A write whose mark is no longer among them counts as unknown.
const KEPT: usize = 8;

/// A random mark of one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonce(u64);

impl Nonce {
    /// Makes a fresh mark.
    pub fn fresh() -> Self {
        Self(u64::from_be_bytes(random::bytes()))
    }
}

/// The marks of the last writes of one record, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nonces {
    marks: VecDeque<u64>,
}

impl Nonces {
    /// Adds the mark of the write that is about to be sent and forgets the oldest one.
    pub fn push(&mut self, nonce: Nonce) {
        if self.marks.len() >= KEPT {
            self.marks.pop_front();
        }
        self.marks.push_back(nonce.0);
    }

    /// Tells whether the write marked with `nonce` is part of this record.
    pub fn contains(&self, nonce: Nonce) -> bool {
        self.marks.contains(&nonce.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_eight_marks_are_kept() {
        let marks: Vec<Nonce> = (0..9).map(|_| Nonce::fresh()).collect();
        let mut nonces = Nonces::default();
        for mark in &marks {
            nonces.push(*mark);
        }
        assert!(!nonces.contains(marks[0]));
        assert!(marks[1..].iter().all(|mark| nonces.contains(*mark)));
    }
}
