//! Session ids: 128 random bits and a 64-bit code that only the deployment can make.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::mac::MacKey;
use crate::random;

const RANDOM: usize = 16;
const CODE: usize = 8;
const KIND: &str = "session";

/// The id of a session: 32 visible ASCII characters that are minted by the gateway and by nobody else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionId {
    text: std::sync::Arc<str>,
}

impl SessionId {
    /// Mints a fresh id. It names no session until a record stands under it.
    pub fn mint(key: &MacKey) -> Self {
        let random = random::bytes::<RANDOM>();
        let mut whole = [0; RANDOM + CODE];
        whole[..RANDOM].copy_from_slice(&random);
        whole[RANDOM..].copy_from_slice(&key.sign(KIND, &random));
        Self {
            text: URL_SAFE_NO_PAD.encode(whole).into(),
        }
    }

    /// Reads an id that a client sent; `None` when the deployment never minted it.
    pub(super) fn verify(key: &MacKey, text: &str) -> Option<Self> {
        let whole = URL_SAFE_NO_PAD.decode(text).ok()?;
        if whole.len() != RANDOM + CODE {
            return None;
        }
        let (random, code) = whole.split_at(RANDOM);
        key.verify(KIND, random, code).then(|| Self { text: text.into() })
    }

    /// The id as it stands in the `Mcp-Session-Id` header.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl std::borrow::Borrow<str> for SessionId {
    fn borrow(&self) -> &str {
        &self.text
    }
}

impl std::fmt::Display for SessionId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.text)
    }
}
