//! Admission of clients.

/// The `governance.access` block.
#[derive(Debug, Clone)]
pub struct Access {
    /// Whether clients without an identity are served where others need one.
    pub allow_anonymous: bool,
    /// The keys that clients identify themselves with; names and digests are unique.
    pub api_keys: Vec<ApiKey>,
}

/// An API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Who the holder is.
    pub name: String,
    /// The SHA-256 of the key.
    pub sha256: [u8; 32],
}

impl ApiKey {
    /// What every key begins with, so that scanners for leaked secrets can recognise one.
    pub const PREFIX: &'static str = "mcpg_";

    /// What names are allowed, for messages.
    pub const NAMES: &'static str = "1 to 64 letters, digits and `_`, `.`, `@`, `-`";

    /// Whether a text can be the name of a key.
    pub fn is_name(text: &str) -> bool {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.@-".contains(&byte);
        (1..=64).contains(&text.len()) && text.bytes().all(allowed) && !Self::is_key(text)
    }

    /// Whether a text looks like a key itself, which must not be shown.
    pub fn is_key(text: &str) -> bool {
        text.strip_prefix(Self::PREFIX)
            .is_some_and(|rest| rest.len() >= 32)
    }
}

impl Access {
    /// Whether every client must say who it is.
    pub fn requires_identity(&self) -> bool {
        !self.api_keys.is_empty() && !self.allow_anonymous
    }
}
