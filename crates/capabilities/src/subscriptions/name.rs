//! What a subscription is called.

use std::fmt::Write as _;

use bytes::Bytes;
use mcpg_cluster::Key;
use sha2::{Digest as _, Sha256};

const SCOPE: &str = "subscription";
/// How many bytes of the digest name a subscription: nobody finds two with one name.
const DIGEST_BYTES: usize = 16;

/// A resource of an upstream, as it is subscribed to with certain credentials.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SubscriptionName {
    upstream: String,
    uri: String,
    digest: String,
}

impl SubscriptionName {
    /// The resource `uri` of `upstream`, subscribed to as who `credentials` says: subscriptions that are made with
    /// different credentials are never shared.
    pub fn new(upstream: impl Into<String>, credentials: &str, uri: impl Into<String>) -> Self {
        let (upstream, uri) = (upstream.into(), uri.into());
        let mut hash = Sha256::new();
        // Each part is preceded by its length, so that no two names are hashed as the same bytes.
        for part in [upstream.as_str(), credentials, uri.as_str()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut digest = String::with_capacity(2 * DIGEST_BYTES);
        for byte in &hash.finalize()[..DIGEST_BYTES] {
            write!(digest, "{byte:02x}").expect("a string takes whatever is written");
        }
        Self {
            upstream,
            uri,
            digest,
        }
    }

    /// The upstream.
    pub fn upstream(&self) -> &str {
        &self.upstream
    }

    /// The resource.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// What stands for all of it in keys.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// The name that a record, an index entry or a note names by its digest.
    pub(super) fn of_record(digest: &str, upstream: String, uri: String) -> Self {
        Self {
            upstream,
            uri,
            digest: digest.to_owned(),
        }
    }
}

/// Where the record of a subscription is.
pub(super) fn key(digest: &str) -> Key {
    Key::new(SCOPE, Bytes::copy_from_slice(digest.as_bytes()))
}

/// The digest of the subscription whose record is at `at`.
pub(super) fn digest_at(at: &Key) -> Option<&str> {
    if at.scope.as_ref() != SCOPE.as_bytes() {
        return None;
    }
    std::str::from_utf8(&at.name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i10_no_two_subscriptions_have_one_name() {
        let digest = |upstream: &str, credentials: &str, uri: &str| {
            SubscriptionName::new(upstream, credentials, uri)
                .digest()
                .to_owned()
        };
        let digests = [
            digest("a", "b", "c"),
            digest("ab", "", "c"),
            digest("a", "bc", ""),
            digest("", "ab", "c"),
            digest("a", "b", "c/../*>\0"),
        ];
        let distinct: std::collections::HashSet<&String> = digests.iter().collect();
        assert_eq!(distinct.len(), digests.len());
    }
}
