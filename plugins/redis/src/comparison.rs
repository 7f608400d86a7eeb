//! What a watch knows, compared with what was read.

use std::collections::BTreeMap;

use bytes::Bytes;
use mcpg_plugin_sdk::cluster::{NamedEntry, Version, WatchEvent};

use crate::key_value::named_entry;
use crate::store::{Found, Seen};

/// The entries that a watch has told of.
#[derive(Default)]
pub(crate) struct Known(BTreeMap<Bytes, Version>);

impl Known {
    /// Begins with a reading of everything; gives the state in the order of the names, too.
    pub(crate) fn of(reading: Reading) -> (Self, Vec<NamedEntry>) {
        let known = reading.entries().map(|entry| (entry.name.clone(), entry.version));
        let known = Self(known.collect());
        let entries = reading.settled.into_iter().chain(reading.too_young);
        let mut state: Vec<NamedEntry> = entries.map(named_entry).collect();
        state.sort_by(|one, other| one.name.cmp(&other.name));
        (known, state)
    }

    /// Whether a value was left out only where it is known: a server that lost its memory may count anew.
    pub(crate) fn understands(&self, reading: &Reading) -> bool {
        let is_known = |entry: &Seen| self.0.get(&entry.name) == Some(&entry.version);
        reading
            .entries()
            .all(|entry| entry.value.is_some() || is_known(entry))
    }

    /// Turns what has changed into events, so that whoever sees a put has seen everything older.
    ///
    /// All versions come from one counter, so the puts are sorted by it. A delete leaves nothing behind that says when it
    /// was; it goes before all puts, since one of them may be younger than it. Seeing it early does no harm: only the
    /// latest state of a name is promised, and nothing may be concluded from a delete about other names.
    ///
    /// What was written after the first page was read is kept back for the next reading: an older write to a name of
    /// that page may have been missed, and only the next reading shows both.
    pub(crate) fn changes(&mut self, reading: Reading) -> Vec<WatchEvent> {
        let mut before = std::mem::take(&mut self.0);
        for late in reading.too_young {
            if let Some(version) = before.remove(&late.name) {
                self.0.insert(late.name, version);
            }
        }
        let mut puts = Vec::new();
        for entry in reading.settled {
            self.0.insert(entry.name.clone(), entry.version);
            if before.remove(&entry.name) != Some(entry.version) {
                puts.push(entry);
            }
        }
        puts.sort_by_key(|entry| entry.version);
        let gone = before.into_keys().map(|name| WatchEvent::Delete { name });
        let puts = puts.into_iter().map(named_entry).map(WatchEvent::Put);
        gone.chain(puts).collect()
    }
}

/// All pages of a scope, read one after the other.
pub(crate) struct Reading {
    /// The newest version when the first page was read.
    pub(crate) newest: u64,
    /// Entries as they were then.
    settled: Vec<Seen>,
    /// Entries of later pages that were written since then.
    too_young: Vec<Seen>,
}

impl Reading {
    pub(crate) fn first(page: Found) -> Self {
        Self {
            newest: page.newest,
            settled: page.entries,
            too_young: Vec::new(),
        }
    }

    pub(crate) fn and(mut self, page: Found) -> Self {
        let newest = Version::new(self.newest);
        let (too_young, settled) = page
            .entries
            .into_iter()
            .partition::<Vec<_>, _>(|entry| entry.version > newest);
        self.settled.extend(settled);
        self.too_young.extend(too_young);
        self
    }

    fn entries(&self) -> impl Iterator<Item = &Seen> {
        self.settled.iter().chain(&self.too_young)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(newest: u64, entries: &[(&'static str, u64)]) -> Found {
        let seen = |(name, version): &(&'static str, u64)| Seen {
            name: Bytes::from_static(name.as_bytes()),
            version: Version::new(*version),
            value: Some(Bytes::from(version.to_string())),
        };
        Found {
            newest,
            entries: entries.iter().map(seen).collect(),
            next: None,
        }
    }

    fn told(known: &mut Known, reading: Reading) -> Vec<String> {
        let show = |event| match event {
            WatchEvent::Put(put) => format!("{}={}", put.name.escape_ascii(), put.entry.version.get()),
            WatchEvent::Delete { name } => format!("-{}", name.escape_ascii()),
            other => panic!("{other:?}"),
        };
        known.changes(reading).into_iter().map(show).collect()
    }

    #[test]
    fn deletes_come_first_and_puts_as_they_were_written() {
        let (mut known, _) = Known::of(Reading::first(page(3, &[("a", 1), ("b", 2), ("c", 3)])));
        let reading = Reading::first(page(9, &[("a", 8), ("c", 3), ("d", 7), ("e", 9)]));
        assert_eq!(told(&mut known, reading), ["-b", "d=7", "a=8", "e=9"]);
    }

    #[test]
    fn what_was_written_behind_the_first_page_waits_for_the_next_reading() {
        let (mut known, _) = Known::of(Reading::first(page(2, &[("a", 1), ("y", 2)])));
        // While the first page was on its way, `a` was written as 4, then `z` as 5 and `y` as 6; `x` was written before.
        let first = Reading::first(page(3, &[("a", 1)]));
        let reading = first.and(page(6, &[("x", 3), ("y", 6), ("z", 5)]));
        assert_eq!(told(&mut known, reading), ["x=3"]);
        let next = Reading::first(page(6, &[("a", 4), ("x", 3), ("y", 6), ("z", 5)]));
        assert_eq!(told(&mut known, next), ["a=4", "z=5", "y=6"]);
    }

    #[test]
    fn a_state_of_several_pages_is_whole_and_ordered() {
        let reading = Reading::first(page(1, &[("a", 1)])).and(page(3, &[("b", 3), ("c", 1)]));
        let (mut known, state) = Known::of(reading);
        let names: Vec<&[u8]> = state.iter().map(|entry| entry.name.as_ref()).collect();
        assert_eq!(names, [b"a", b"b", b"c"]);
        // What the first page missed follows as a change, what is known does not come again.
        let next = Reading::first(page(3, &[("a", 2), ("b", 3), ("c", 1)]));
        assert_eq!(told(&mut known, next), ["a=2"]);
    }

    #[test]
    fn a_value_that_is_left_out_of_an_unknown_version_is_noticed() {
        let (known, _) = Known::of(Reading::first(page(1, &[("a", 1)])));
        let without = |version| {
            let mut found = page(1, &[("a", version)]);
            found.entries[0].value = None;
            Reading::first(found)
        };
        assert!(known.understands(&without(1)));
        assert!(!known.understands(&without(2)));
    }
}
