//! How entries are written.
//!
//! A key is the length of the scope in four bytes, the scope, and the name: so no bytes of a scope reach into another
//! one, and the names of a scope stand together in the order of their bytes. A value is its version and its expiry in
//! eight bytes each, and then what was put.

use bytes::Bytes;
use mcpg_cluster::{Entry, Error, ErrorKind, Key, Result, Value, Version};
use redb::TableDefinition;

/// The entries.
pub(crate) const ENTRIES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("entries");
/// When entries expire: the moment and the key.
pub(crate) const EXPIRIES: TableDefinition<'_, (u64, &[u8]), ()> = TableDefinition::new("expiries");
/// Numbers about the whole.
pub(crate) const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
/// The number of the layout that this page describes.
pub(crate) const FORMAT: &str = "format";
pub(crate) const PRESENT_FORMAT: u64 = 1;
/// The last version that was given to an entry.
pub(crate) const LAST_VERSION: &str = "last_version";

/// The expiry of what never expires.
const NEVER: u64 = u64::MAX;
const HEAD: usize = 16;

/// What is kept of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored<'a> {
    pub(crate) version: Version,
    /// In microseconds since 1970.
    pub(crate) expires_at: Option<u64>,
    pub(crate) value: &'a [u8],
}

impl<'a> Stored<'a> {
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self> {
        let (version, rest) = bytes.split_first_chunk().ok_or_else(torn)?;
        let (expires_at, value) = rest.split_first_chunk().ok_or_else(torn)?;
        let expires_at = u64::from_be_bytes(*expires_at);
        Ok(Self {
            version: Version::new(u64::from_be_bytes(*version)),
            expires_at: (expires_at != NEVER).then_some(expires_at),
            value,
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + self.value.len());
        bytes.extend_from_slice(&self.version.get().to_be_bytes());
        bytes.extend_from_slice(&self.expires_at.unwrap_or(NEVER).to_be_bytes());
        bytes.extend_from_slice(self.value);
        bytes
    }

    pub(crate) fn is_live(&self, now: u64) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    pub(crate) fn entry(&self) -> Entry {
        Entry {
            value: Value::copy_from_slice(self.value),
            version: self.version,
        }
    }
}

/// The bytes under which an entry stands.
pub(crate) fn key_of(key: &Key) -> Vec<u8> {
    let mut bytes = scope_of(&key.scope);
    bytes.extend_from_slice(&key.name);
    bytes
}

/// What all keys of a scope begin with.
pub(crate) fn scope_of(scope: &[u8]) -> Vec<u8> {
    // The contract bounds the length of scopes far below this.
    let length = u32::try_from(scope.len()).unwrap_or(u32::MAX);
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend_from_slice(scope);
    bytes
}

/// The name of an entry of this scope.
pub(crate) fn name_in(scope: &[u8], key: &[u8]) -> Option<Bytes> {
    key.strip_prefix(scope).map(Bytes::copy_from_slice)
}

fn torn() -> Error {
    Error::new(ErrorKind::Internal, "an entry of the file store is too short")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        for expires_at in [None, Some(0), Some(7_000_000)] {
            let stored = Stored {
                version: Version::new(3),
                expires_at,
                value: b"value",
            };
            assert_eq!(Stored::decode(&stored.encode()).unwrap(), stored);
        }
        assert!(Stored::decode(&[0; HEAD - 1]).is_err());
    }

    #[test]
    fn scopes_do_not_reach_into_each_other() {
        assert_ne!(key_of(&Key::new("a", "bc")), key_of(&Key::new("ab", "c")));
        let scope = scope_of(b"a");
        assert!(!key_of(&Key::new("ab", "c")).starts_with(&scope));
        assert_eq!(name_in(&scope, &key_of(&Key::new("a", "n"))).unwrap(), "n");
    }
}
