//! What happened in a run, in order.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hasher};

/// How many lines a failing run shows; all of them when one seed is replayed alone.
const SHOWN: usize = 60;

pub(super) struct Trace {
    /// Over every line, so that two runs can be compared whole.
    hasher: DefaultHasher,
    lines: VecDeque<String>,
    keeps_all: bool,
}

impl Trace {
    pub(super) fn new(keeps_all: bool) -> Self {
        Self {
            hasher: DefaultHasher::new(),
            lines: VecDeque::new(),
            keeps_all,
        }
    }

    pub(super) fn note(&mut self, line: String) {
        self.hasher.write(line.as_bytes());
        if !self.keeps_all && self.lines.len() >= SHOWN {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    pub(super) fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    pub(super) fn shown(&self) -> String {
        self.lines.iter().fold(String::new(), |mut text, line| {
            text.push_str(line);
            text.push('\n');
            text
        })
    }
}
