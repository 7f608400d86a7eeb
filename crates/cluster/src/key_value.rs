//! KeyValue: the place where the truth is.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Key, Result, Value};

/// Versioned values under scoped keys, with compare-and-set and expiry.
///
/// All calls fail with [`Unavailable`](crate::ErrorKind::Unavailable) when they surely had no effect, with
/// [`Indeterminate`](crate::ErrorKind::Indeterminate) when they may have had one, and are answered within the
/// implementation's own operation timeout, whatever the backend does.
#[async_trait]
pub trait KeyValue: Send + Sync {
    /// Reads one entry.
    ///
    /// A read is linearizable, or as old as [`Support::stale_reads`](crate::Support::stale_reads) admits.
    ///
    /// # Behavior
    /// - get of a missing key returns none: absence is `Ok(None)`, never an error.
    /// - get of an expired entry returns none: at the latest when the TTL and the declared slack are over.
    /// - get returns the value and version last written: both belong to the same write.
    /// - get sees what another replica wrote: from the acknowledgement on, or later by `stale_reads`.
    /// - get keeps hostile keys apart: scopes and names are bytes; separators, wildcards, NUL, spaces and
    ///   invalid UTF-8 neither collide nor reach into another scope.
    async fn get(&self, key: &Key) -> Result<Option<Entry>>;

    /// Writes one entry if what is there is as expected, and returns the version of the write.
    ///
    /// The TTL is part of the write: `None` means that the entry never expires, whatever held before.
    ///
    /// # Behavior
    /// - put expecting any writes over whatever is there: present, absent or expired.
    /// - put expecting absent creates a missing key: deleted and never written keys are the same.
    /// - put expecting absent is refused while the key is live: `Conflict`.
    /// - put expecting absent succeeds once the entry has expired: an expired entry is absent.
    /// - put expecting a version writes over that version only: any other version is a `Conflict`.
    /// - put expecting a version is refused on a missing key: `Conflict`.
    /// - put expecting a version is refused on an expired entry: `Conflict`; nothing revives it.
    /// - put that is refused changes nothing: neither value nor version nor expiry.
    /// - put returns a version greater than all before: of that name, on whatever replica.
    /// - put of the same value is a new version: no backend may skip a write that looks idle.
    /// - put never reuses a version after delete: not even when the key is created again.
    /// - put never reuses a version after expiry: not even when the key is created again.
    /// - put with a ttl never expires early: counted from the acknowledged write.
    /// - put without a ttl removes the ttl that was there: the entry stays.
    /// - put replaces the ttl that was there: the latest write alone says when the entry expires.
    /// - put of an empty value is a value: not a delete.
    /// - put of the largest value is read back whole: `max_value_bytes` of `Support`.
    /// - put of a value above the largest is refused: `TooLarge`, and nothing is written.
    /// - put with a ttl out of bounds is refused: `Invalid`; below `min_ttl` or above `max_ttl` of `Support`.
    /// - put takes names up to the longest and refuses longer ones: `LARGEST_NAME_BYTES`, then `TooLarge`.
    /// - puts racing for one version have one winner: all others get `Conflict`.
    /// - puts racing to create have one winner: all others get `Conflict`.
    async fn put(&self, key: &Key, value: Value, expect: Expect, ttl: Option<Duration>) -> Result<Version>;

    /// Removes one entry if what is there is as expected.
    ///
    /// # Behavior
    /// - delete expecting any removes the entry: every later read says absent.
    /// - delete expecting any of a missing key succeeds: what was asked for holds.
    /// - delete expecting a version removes that version: and no other.
    /// - delete expecting another version is refused: `Conflict`, and the entry stays.
    /// - delete expecting a version of a missing key is refused: `Conflict`; it may be another writer's delete.
    /// - delete expecting absent is invalid: there is nothing it could mean.
    async fn delete(&self, key: &Key, expect: Expect) -> Result<()>;

    /// Lists the live entries of a scope whose names start with `prefix`, one page at a time.
    ///
    /// Start with no cursor; go on with the cursor of the page before. One page shows one state; different
    /// pages may show different ones. A page may hold fewer than `limit` entries and still not be the last.
    ///
    /// # Behavior
    /// - list is ordered by the bytes of the names: within and across pages.
    /// - list stays within its scope: whatever bytes the scopes are made of.
    /// - list takes the prefix literally: separators and wildcards in it mean nothing.
    /// - list pages hold at most the limit: and the last one has no cursor.
    /// - list pages give every unchanged key once: whatever else is written or deleted meanwhile.
    /// - list leaves out expired entries: from the same moment as `get`.
    /// - list gives values and versions as get does: nothing needs to be read again.
    /// - list of an empty scope is one empty page: without a cursor.
    /// - list with a limit of zero is invalid: it could never come to an end.
    async fn list(&self, scope: &[u8], prefix: &[u8], cursor: Option<&Cursor>, limit: usize) -> Result<Page>;

    /// Gives a live entry of exactly this version a new TTL, counted from now, and returns its version after that.
    ///
    /// The version may be the old one or a greater one; watchers may or may not be woken.
    ///
    /// # Behavior
    /// - touch moves the expiry: the entry outlives its former TTL.
    /// - touch keeps the value: only the expiry and possibly the version change.
    /// - touch returns the version that is there: a compare-and-set with it succeeds; it is never below the old one.
    /// - touch of another version is refused: `Conflict`.
    /// - touch of a missing key is refused: `Conflict`; it never creates.
    /// - touch of an expired entry is refused: `Conflict`; it never revives.
    /// - touch gives a ttl to an entry that had none: from then on it expires.
    /// - touch with a ttl out of bounds is refused: `Invalid`, as for `put`.
    async fn touch(&self, key: &Key, ttl: Duration, expect: Version) -> Result<Version>;
}

/// The number of one write to one name; it grows and is never used again, also after delete and expiry.
///
/// Versions of different names must not be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

impl Version {
    /// Builds a version from the backend's number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The backend's number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// A value and the version of the write that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub value: Value,
    /// The version of the write.
    pub version: Version,
}

/// What a write expects to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expect {
    /// Whatever is there.
    Any,
    /// No live entry.
    Absent,
    /// The live entry of exactly this version.
    Version(Version),
}

/// An entry with its name, as lists and watches give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedEntry {
    /// The name within the scope asked for.
    pub name: Bytes,
    /// The entry.
    pub entry: Entry,
}

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The entries, ordered by name.
    pub entries: Vec<NamedEntry>,
    /// Where the next page starts; `None` after the last page.
    pub next: Option<Cursor>,
}

/// A place in a list. Its bytes mean something to the coordinator that made it only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(Bytes);

impl Cursor {
    /// Builds a cursor; for coordinators.
    pub fn new(place: impl Into<Bytes>) -> Self {
        Self(place.into())
    }

    /// The bytes that the coordinator put in.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }
}
