//! How the contract's names are written as Redis keys and channels.
//!
//! Every key starts with the configured prefix and carries one hash tag, because a write touches the key, the
//! index of its scope and the counter of the deployment in one script. A scope is written behind its length, so
//! that no bytes in it can reach into another one.

#[derive(Clone)]
pub(crate) struct Names {
    root: Vec<u8>,
    /// Channels are common to all databases of a server, so each carries the number of its own.
    database: i64,
}

/// The two kinds of entries that never see each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    Values,
    Peers,
}

impl Space {
    fn word(self) -> &'static str {
        match self {
            Self::Values => "value",
            Self::Peers => "peer",
        }
    }
}

impl Names {
    pub(crate) fn new(key_prefix: &str, database: i64) -> Self {
        let mut tag: String = key_prefix.replace(['{', '}'], "");
        if tag.is_empty() {
            // Redis takes an empty tag for none.
            tag.push_str("mcpg");
        }
        Self {
            root: format!("{key_prefix}{{{tag}}}").into_bytes(),
            database,
        }
    }

    /// The counter from which versions and tokens come.
    pub(crate) fn fence(&self) -> Vec<u8> {
        self.join("fence", b"")
    }

    pub(crate) fn lease(&self, name: &[u8]) -> Vec<u8> {
        self.join("lease:", name)
    }

    /// What the names of a scope are appended to.
    pub(crate) fn entries(&self, space: Space, scope: &[u8]) -> Vec<u8> {
        self.scoped(space, "", scope)
    }

    pub(crate) fn entry(&self, space: Space, scope: &[u8], name: &[u8]) -> Vec<u8> {
        let mut key = self.entries(space, scope);
        key.extend_from_slice(name);
        key
    }

    /// The sorted set of the names of a scope.
    pub(crate) fn index(&self, space: Space, scope: &[u8]) -> Vec<u8> {
        self.scoped(space, "-index", scope)
    }

    /// The sorted set of the names of a scope by the time at which they expire.
    pub(crate) fn expiries(&self, space: Space, scope: &[u8]) -> Vec<u8> {
        self.scoped(space, "-expiry", scope)
    }

    /// The channel that says that a scope has changed.
    pub(crate) fn changes(&self, space: Space, scope: &[u8]) -> Vec<u8> {
        self.scoped(space, &format!("-change-{}", self.database), scope)
    }

    pub(crate) fn topic(&self, topic: &[u8]) -> Vec<u8> {
        self.join(&format!("topic-{}:", self.database), topic)
    }

    /// The channel on which one connection hears itself.
    pub(crate) fn pulse(&self, nonce: &str) -> Vec<u8> {
        self.join("pulse:", nonce.as_bytes())
    }

    fn scoped(&self, space: Space, part: &str, scope: &[u8]) -> Vec<u8> {
        let kind = format!("{}{part}:{}:", space.word(), scope.len());
        self.join(&kind, scope)
    }

    fn join(&self, kind: &str, rest: &[u8]) -> Vec<u8> {
        [&self.root, kind.as_bytes(), rest].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_never_reaches_into_another_one() {
        let names = Names::new("p:", 0);
        let entry = |scope: &[u8], name: &[u8]| names.entry(Space::Values, scope, name);
        assert_ne!(entry(b"a", b"b:c"), entry(b"a:b", b"c"));
        assert_ne!(entry(b"1:", b"x"), entry(b"1", b":x"));
        assert_ne!(entry(b"", b"a"), entry(b"a", b""));
        assert_ne!(
            entry(b"a", b"b"),
            names.entry(Space::Peers, b"a", b"b"),
            "peers are no values"
        );
    }

    #[test]
    fn every_key_has_the_prefix_and_the_same_hash_tag() {
        for (prefix, tag) in [
            ("mcpg:cluster:", "{mcpg:cluster:}"),
            ("", "{mcpg}"),
            ("a{b}", "{b}"),
        ] {
            let names = Names::new(prefix, 0);
            let keys = [
                names.fence(),
                names.lease(b"}{"),
                names.entry(Space::Values, b"{x}", b"{y}"),
                names.index(Space::Peers, b"{x}"),
            ];
            for key in keys {
                let text = String::from_utf8_lossy(&key).into_owned();
                assert!(text.starts_with(prefix), "{text}");
                let open = text.find('{').expect("a tag opens");
                let shut = open + text[open..].find('}').expect("a tag ends");
                assert_eq!(&text[open..=shut], tag);
            }
        }
    }
}
