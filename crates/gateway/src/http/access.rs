//! Finds out who sends a request.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use mcpg_capabilities::principal::Principal;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

const SCHEME: &[u8] = b"Bearer";

/// Who is let in.
#[derive(Debug)]
pub(super) struct Access {
    /// The principals by the digests of their keys.
    keys: HashMap<Digest, Principal>,
    allow_anonymous: bool,
}

/// The SHA-256 of a key. Compared in constant time. What a caller could learn from the time of the look-up concerns the
/// digest of what he sent himself, and tells him nothing about the digests that are stored.
#[derive(Debug, Clone, Copy)]
struct Digest([u8; 32]);

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unauthorized {
    /// He shows no key.
    Missing,
    /// What he sends is no single key.
    Unreadable,
    /// He shows a key that is not configured.
    Invalid,
}

impl Access {
    pub(super) fn new(config: mcpg_config::app::Access) -> Self {
        let keys = config.api_keys.into_iter();
        Self {
            keys: keys
                .map(|key| (Digest(key.sha256), Principal::key(key.name)))
                .collect(),
            allow_anonymous: config.allow_anonymous,
        }
    }

    /// Who sends a request with these headers. Where no key is configured nobody is asked for one, and what somebody
    /// shows all the same is not looked at.
    ///
    /// # Errors
    /// Why he is not let in.
    pub(super) fn identify(&self, headers: &HeaderMap) -> Result<Principal, Unauthorized> {
        if self.keys.is_empty() {
            return Ok(Principal::anonymous());
        }
        let mut shown = headers.get_all(AUTHORIZATION).iter();
        let Some(first) = shown.next() else {
            return if self.allow_anonymous {
                Ok(Principal::anonymous())
            } else {
                Err(Unauthorized::Missing)
            };
        };
        if shown.next().is_some() {
            return Err(Unauthorized::Unreadable);
        }
        let key = bearer(first.as_bytes()).ok_or(Unauthorized::Unreadable)?;
        let digest = Digest(Sha256::digest(key).into());
        self.keys.get(&digest).cloned().ok_or(Unauthorized::Invalid)
    }
}

/// The token of `Bearer TOKEN`.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
    let token = rest.trim_ascii();
    let is_one = !token.is_empty() && !token.iter().any(u8::is_ascii_whitespace);
    let is_apart = rest.first().is_some_and(u8::is_ascii_whitespace);
    (scheme.eq_ignore_ascii_case(SCHEME) && is_apart && is_one).then_some(token)
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Unauthorized {
    /// The value of `WWW-Authenticate` (RFC 6750 section 3): an error only where something was shown.
    pub(super) fn challenge(self) -> &'static str {
        match self {
            Self::Missing | Self::Unreadable => "Bearer realm=\"mcpg\"",
            Self::Invalid => "Bearer realm=\"mcpg\", error=\"invalid_token\"",
        }
    }

    /// What to do about it.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::Missing => "an API key is required: send it as Authorization: Bearer KEY",
            Self::Unreadable => {
                "the Authorization header is not understood: send one, as Authorization: Bearer KEY"
            }
            Self::Invalid => {
                "this API key is not known here: governance.access.api_keys lists the known ones"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use http::HeaderValue;
    use mcpg_config::app::ApiKey;

    use super::*;

    fn access(allow_anonymous: bool, keys: &[(&str, &str)]) -> Access {
        let key = |(name, key): &(&str, &str)| ApiKey {
            name: (*name).to_owned(),
            sha256: Sha256::digest(key).into(),
        };
        Access::new(mcpg_config::app::Access {
            allow_anonymous,
            api_keys: keys.iter().map(key).collect(),
        })
    }

    fn headers(values: &[&str]) -> HeaderMap {
        let values = values.iter();
        values
            .map(|value| (AUTHORIZATION, HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn a_key_is_known_by_its_digest() {
        for allow_anonymous in [false, true] {
            let access = access(allow_anonymous, &[("a", "key-a"), ("b", "key-b")]);
            for (shown, who) in [
                ("Bearer key-a", "a"),
                ("bearer key-b", "b"),
                ("BEARER \t key-b ", "b"),
            ] {
                assert_eq!(
                    access.identify(&headers(&[shown])),
                    Ok(Principal::key(who)),
                    "{shown}"
                );
            }
        }
    }

    #[test]
    fn what_is_shown_must_be_right_also_where_nothing_must_be_shown() {
        for allow_anonymous in [false, true] {
            let access = access(allow_anonymous, &[("a", "key-a")]);
            let digest: String = Sha256::digest("key-a")
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            for shown in [
                "Bearer key-b",
                "Bearer a",
                &format!("Bearer {digest}"),
                "Bearer key-a=",
                "Bearer KEY-A",
            ] {
                assert_eq!(
                    access.identify(&headers(&[shown])),
                    Err(Unauthorized::Invalid),
                    "{shown}"
                );
            }
            for shown in [
                "",
                "Bearer",
                "Bearer ",
                "Bearerkey-a",
                "Basic key-a",
                "key-a",
                "Bearer key-a key-a",
            ] {
                let refused = access.identify(&headers(&[shown]));
                assert_eq!(refused, Err(Unauthorized::Unreadable), "{shown}");
            }
            let twice = headers(&["Bearer key-a", "Bearer key-a"]);
            assert_eq!(access.identify(&twice), Err(Unauthorized::Unreadable));
        }
    }

    #[test]
    fn nothing_shown_is_anonymous_only_where_that_is_allowed() {
        let keys = [("a", "key-a")];
        let nothing = headers(&[]);
        assert_eq!(
            access(false, &keys).identify(&nothing),
            Err(Unauthorized::Missing)
        );
        assert_eq!(access(true, &keys).identify(&nothing), Ok(Principal::anonymous()));
        assert_eq!(access(false, &[]).identify(&nothing), Ok(Principal::anonymous()));
        let anything = headers(&["Bearer of-somebody-else"]);
        assert_eq!(access(false, &[]).identify(&anything), Ok(Principal::anonymous()));
    }
}
