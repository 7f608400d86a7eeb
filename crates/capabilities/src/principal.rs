//! Who a client is, as far as what it owns is concerned.
//!
//! Whatever belongs to a client - its sessions, its calls, its questions - stands under its principal: the keys of the
//! records carry it, and the codes in ids are made over it. So two principals never meet, whatever ids they use.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// How many bytes of a digest name a principal in keys: nobody finds two names that share so many.
const SCOPE_BYTES: usize = 16;
const KEY: &str = "key";

/// Who sent a request. Comparing two takes no time that matters, and cloning copies one pointer.
#[derive(Clone)]
pub struct Principal(Option<Arc<Identity>>);

/// A client that has shown who it is.
struct Identity {
    kind: &'static str,
    name: String,
    scope: String,
}

impl Principal {
    /// A client that showed no identity. All such clients are one principal: the ids of their sessions are the only
    /// thing that keeps them apart.
    pub const fn anonymous() -> Self {
        Self(None)
    }

    /// Whoever holds the API key that the configuration calls `name`. The key itself is not part of it, so that a key
    /// can be replaced without its sessions being lost.
    pub fn key(name: impl Into<String>) -> Self {
        let name = name.into();
        let scope = scope(KEY, &[&name]);
        Self(Some(Arc::new(Identity {
            kind: KEY,
            name,
            scope,
        })))
    }

    /// Whether the client showed no identity.
    pub fn is_anonymous(&self) -> bool {
        self.0.is_none()
    }

    /// What sort of identity was shown: `anonymous` or `key`.
    pub fn kind(&self) -> &'static str {
        self.0.as_ref().map_or("anonymous", |identity| identity.kind)
    }

    /// The name within its kind; `None` when anonymous.
    pub fn name(&self) -> Option<&str> {
        self.0.as_ref().map(|identity| identity.name.as_str())
    }

    /// What stands for the principal in the keys of its records: 22 characters of `A-Z a-z 0-9 - _`, different for
    /// different principals whatever their names are; `None` when anonymous.
    pub fn scope(&self) -> Option<&str> {
        self.0.as_ref().map(|identity| identity.scope.as_str())
    }
}

/// A digest, because names may be of any length and hold any character. Each part is preceded by its length: no two
/// lists of parts are hashed as the same bytes.
fn scope(kind: &str, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in [kind].iter().chain(parts) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(&hash.finalize()[..SCOPE_BYTES])
}

impl PartialEq for Principal {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(one), Some(other)) => {
                Arc::ptr_eq(one, other) || (one.kind, &one.name) == (other.kind, &other.name)
            }
            _ => false,
        }
    }
}

impl Eq for Principal {}

impl Hash for Principal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.scope().hash(state);
    }
}

/// Kind and quoted name: no name can be mistaken for another principal, or break a line of a log.
impl fmt::Display for Principal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => formatter.write_str("anonymous"),
            Some(identity) => write!(formatter, "{} {:?}", identity.kind, identity.name),
        }
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Principal({self})")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashSet;

    use super::*;

    #[test]
    fn i10_hostile_names_neither_collide_nor_escape() {
        let long = "x".repeat(10 * 1024);
        let names = [
            "",
            "anonymous",
            "key",
            "a",
            "a/b",
            "a/",
            "/a",
            "*",
            ">",
            ":",
            ".",
            "..",
            " ",
            "\0",
            "\n",
            "a\0",
            "é",
            "%2F",
            "{a}",
            "key \"a\"",
            &long,
        ];
        let mut principals: HashSet<Principal> = names.into_iter().map(Principal::key).collect();
        principals.insert(Principal::anonymous());
        assert_eq!(principals.len(), names.len() + 1);
        let scopes: HashSet<Option<&str>> = principals.iter().map(Principal::scope).collect();
        assert_eq!(scopes.len(), names.len() + 1, "a scope stands for one principal");
        for principal in &principals {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            let scope = principal.scope().unwrap_or("0123456789012345678901");
            assert!(scope.len() == 22 && scope.bytes().all(plain), "{principal}");
            assert!(!principal.to_string().contains(['\n', '\0']), "{principal}");
        }
    }

    #[test]
    fn a_principal_of_a_key_is_its_name() {
        assert_eq!(Principal::key("a"), Principal::key("a"));
        assert_ne!(Principal::key("anonymous"), Principal::anonymous());
        assert_eq!(Principal::key("anonymous").to_string(), "key \"anonymous\"");
        assert_eq!(Principal::anonymous().to_string(), "anonymous");
        assert_eq!(Principal::key("a").kind(), "key");
        assert_eq!(Principal::key("a").name(), Some("a"));
        assert_eq!(Principal::anonymous().name(), None);
        assert_ne!(scope("key", &["ab", "c"]), scope("key", &["a", "bc"]));
    }

    #[test]
    fn the_scope_of_a_name_never_changes() {
        // Another scope would make every session of every key unknown after an upgrade.
        assert_eq!(Principal::key("ci").scope(), Some("8F-Dinn1absiP65u6wGFLg"));
    }
}
