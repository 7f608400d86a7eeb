//! Session ids: 128 random bits and a 64-bit code that only the deployment can make, and only for one principal.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::mac::MacKey;
use crate::principal::Principal;
use crate::random;

const RANDOM: usize = 16;
const CODE: usize = 8;
const KIND: &str = "session";
/// Stands between principal and id in names; neither can contain it.
const SEPARATOR: char = '/';
/// How many characters of an id are shown.
const DIGEST: usize = 8;

/// The id of a session: 32 visible ASCII characters that are minted by the gateway and by nobody else, for one
/// principal and for nobody else.
///
/// To the client it is its [text](Self::as_str). Everything that is kept of the session, here or in the coordinator,
/// goes by its [name](Self::name), which carries the principal.
#[derive(Clone)]
pub struct SessionId {
    /// The principal's scope, unless anonymous, and the text.
    name: Arc<str>,
    text_at: usize,
}

impl SessionId {
    /// Mints a fresh id for a principal. It names no session until a record stands under it.
    pub fn mint(key: &MacKey, principal: &Principal) -> Self {
        let random = random::bytes::<RANDOM>();
        let mut whole = [0; RANDOM + CODE];
        whole[..RANDOM].copy_from_slice(&random);
        whole[RANDOM..].copy_from_slice(&key.sign(KIND, &signed(&random, principal.scope())));
        Self::of(principal.scope(), &URL_SAFE_NO_PAD.encode(whole))
    }

    /// Reads an id that a client sent; `None` when the deployment never minted it for that principal.
    pub(super) fn verify(key: &MacKey, principal: &Principal, text: &str) -> Option<Self> {
        Self::verify_in(key, principal.scope(), text)
    }

    /// Reads a name that stands in the key of a record, or that another replica has sent.
    pub fn from_name(key: &MacKey, name: &str) -> Option<Self> {
        match name.split_once(SEPARATOR) {
            Some((scope, text)) => Self::verify_in(key, Some(scope), text),
            None => Self::verify_in(key, None, name),
        }
    }

    fn verify_in(key: &MacKey, scope: Option<&str>, text: &str) -> Option<Self> {
        let mut whole = [0; RANDOM + CODE];
        // One byte more or less is no id: the length is checked before anything is decoded.
        if text.len() != whole.len() / 3 * 4 || URL_SAFE_NO_PAD.decode_slice(text, &mut whole).is_err() {
            return None;
        }
        let (random, code) = whole.split_at(RANDOM);
        key.verify(KIND, &signed(random, scope), code)
            .then(|| Self::of(scope, text))
    }

    fn of(scope: Option<&str>, text: &str) -> Self {
        match scope {
            None => Self {
                name: text.into(),
                text_at: 0,
            },
            Some(scope) => Self {
                name: format!("{scope}{SEPARATOR}{text}").into(),
                text_at: scope.len() + SEPARATOR.len_utf8(),
            },
        }
    }

    /// The id as it stands in the `Mcp-Session-Id` header.
    pub fn as_str(&self) -> &str {
        &self.name[self.text_at..]
    }

    /// What the session is called in keys of records and between replicas. No two principals share one.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What the code is over. The random part has one length, so what follows it can only be a principal.
fn signed<'r>(random: &'r [u8], scope: Option<&str>) -> Cow<'r, [u8]> {
    match scope {
        None => Cow::Borrowed(random),
        Some(scope) => Cow::Owned([random, scope.as_bytes()].concat()),
    }
}

impl PartialEq for SessionId {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for SessionId {}

/// As the name hashes, by which a session may be looked up.
impl Hash for SessionId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl std::borrow::Borrow<str> for SessionId {
    fn borrow(&self) -> &str {
        &self.name
    }
}

/// Only the beginning, for logs: whoever has the whole id is the client.
impl std::fmt::Display for SessionId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", SessionDigest(self.as_str()))
    }
}

/// The beginning of a session id, which tells sessions apart and opens none: 80 of the 128 random bits are missing.
pub(crate) struct SessionDigest<'a>(&'a str);

impl<'a> SessionDigest<'a> {
    /// Of an id, or of a name that ends with one.
    pub(crate) fn of(name: &'a str) -> Self {
        Self(name.rsplit(SEPARATOR).next().unwrap_or_default())
    }
}

impl std::fmt::Display for SessionDigest<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0.get(..DIGEST).unwrap_or_default())
    }
}

impl std::fmt::Debug for SessionId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SessionId({self})")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn s8_an_id_is_of_one_principal() {
        let mac = MacKey::new([7; 16]);
        let (p, q) = (Principal::key("p"), Principal::key("q"));
        let everybody = [p, q, Principal::anonymous(), Principal::key("anonymous")];
        for owner in &everybody {
            let id = SessionId::mint(&mac, owner);
            assert_eq!(id.as_str().len(), 32);
            for other in &everybody {
                let read = SessionId::verify(&mac, other, id.as_str());
                assert_eq!(read, (owner == other).then(|| id.clone()), "{owner} {other}");
            }
            assert_eq!(SessionId::from_name(&mac, id.name()), Some(id.clone()));
            // What a client sends is never taken for a name.
            assert_eq!(
                SessionId::verify(&mac, owner, id.name()).is_some(),
                owner.is_anonymous()
            );
            assert_eq!(
                SessionId::verify(&mac, &Principal::anonymous(), id.name()).is_some(),
                owner.is_anonymous()
            );
        }
    }

    #[test]
    fn i10_the_name_carries_the_principal_and_ends_with_the_text() {
        let mac = MacKey::new([7; 16]);
        let p = Principal::key("p");
        let id = SessionId::mint(&mac, &p);
        assert_eq!(id.name(), format!("{}/{}", p.scope().unwrap(), id.as_str()));
        assert_eq!(
            id.to_string(),
            id.as_str()[..DIGEST],
            "what is shown opens nothing"
        );
        let anonymous = SessionId::mint(&mac, &Principal::anonymous());
        assert_eq!(anonymous.name(), anonymous.as_str());
    }

    #[test]
    fn names_that_are_none_are_refused() {
        let mac = MacKey::new([7; 16]);
        let id = SessionId::mint(&mac, &Principal::key("p"));
        let text = id.as_str();
        for name in [
            "",
            "/",
            text,
            &format!("/{text}"),
            &format!("x/{text}"),
            &format!("{}/", id.name()),
        ] {
            assert_eq!(SessionId::from_name(&mac, name), None, "{name}");
        }
    }
}
