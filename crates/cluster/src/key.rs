//! Keys: a scope and a name in it.

use std::fmt;

use bytes::Bytes;

use crate::{Error, ErrorKind, Result};

/// The longest scope, name, topic or lease name that every coordinator takes.
///
/// One limit for all backends, so that a deployment that works on one works on the other.
pub const LARGEST_NAME_BYTES: usize = 10 * 1024;

/// The address of one value: a scope and a name within it.
///
/// Both parts are arbitrary bytes, the empty string, NUL and invalid UTF-8 included; how they are
/// written on a backend is that backend's affair. Ordering, paging and watching stay within one scope.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The set of keys that are listed and watched together.
    pub scope: Bytes,
    /// The name within the scope.
    pub name: Bytes,
}

impl Key {
    /// Builds a key from parts that are owned or static; nothing is copied.
    pub fn new(scope: impl Into<Bytes>, name: impl Into<Bytes>) -> Self {
        Self {
            scope: scope.into(),
            name: name.into(),
        }
    }

    /// Builds a key by copying borrowed parts.
    pub fn copied(scope: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> Self {
        Self {
            scope: Bytes::copy_from_slice(scope.as_ref()),
            name: Bytes::copy_from_slice(name.as_ref()),
        }
    }

    /// Refuses a key whose scope or name is longer than [`LARGEST_NAME_BYTES`].
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`], naming the part and both lengths.
    pub fn check(&self) -> Result<()> {
        check_length("scope", &self.scope)?;
        check_length("name", &self.name)
    }
}

/// Shows the parts as escaped text, cut after 64 bytes: a log line is no place for 10 KiB.
impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scope, name) = (Shown(&self.scope), Shown(&self.name));
        write!(formatter, "{scope}|{name}")
    }
}

/// Refuses a scope, name, topic or lease name that is too long; `part` names it in the message.
///
/// # Errors
/// [`ErrorKind::TooLarge`] above [`LARGEST_NAME_BYTES`].
pub fn check_length(part: &'static str, bytes: &[u8]) -> Result<()> {
    if bytes.len() <= LARGEST_NAME_BYTES {
        return Ok(());
    }
    let message = format!(
        "{part} of {} bytes is longer than {LARGEST_NAME_BYTES} bytes",
        bytes.len()
    );
    Err(Error::new(ErrorKind::TooLarge, message).with_context(part, Shown(bytes).to_string()))
}

/// How long an id is by which a client proves itself, such as that of a session, and how much of it is shown.
const SECRET: usize = 32;
const SHOWN_OF_SECRET: usize = 8;

/// Bytes as escaped text, cut after 64 of them. What may be an id by which a client proves itself is shown by its
/// beginning only: names hold such ids, and this goes into logs and error messages.
pub(crate) struct Shown<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut = self.0.len().min(64);
        let in_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let mut rest = self.0;
        while let (Some(first), true) = (rest.first(), self.0.len() - rest.len() < cut) {
            let run = rest.iter().take_while(|byte| in_id(**byte)).count().max(1);
            let left = cut - (self.0.len() - rest.len());
            if run == SECRET && in_id(*first) {
                write!(formatter, "{}...", rest[..SHOWN_OF_SECRET].escape_ascii())?;
            } else {
                write!(formatter, "{}", rest[..run.min(left)].escape_ascii())?;
            }
            rest = &rest[run..];
        }
        if cut < self.0.len() {
            write!(formatter, "... ({} bytes)", self.0.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn hostile_parts_are_kept_byte_for_byte() {
        let key = Key::copied([0u8, 0xff, b'/'], "a*b>c:d.e f");
        assert_eq!(key.scope.as_ref(), [0, 0xff, b'/']);
        assert_eq!(key.name.as_ref(), b"a*b>c:d.e f");
        assert_ne!(Key::new("a", "b/c"), Key::new("a/b", "c"));
    }

    #[test]
    fn a_part_is_refused_from_one_byte_over_the_limit() {
        Key::new("scope", vec![b'x'; LARGEST_NAME_BYTES]).check().unwrap();
        let error = Key::new("scope", vec![b'x'; LARGEST_NAME_BYTES + 1])
            .check()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(error.to_string().contains("name of 10241 bytes"), "{error}");
    }

    #[test]
    fn an_id_that_opens_something_is_shown_by_its_beginning() {
        let id = "q3Zt81_a0123456789-bcdefGHIJKLMN";
        let shown = Key::new("calls", format!("{id}/1")).to_string();
        assert_eq!(shown, "calls|q3Zt81_a.../1");
        let shown = Key::new("calls", format!("{id}x")).to_string();
        assert_eq!(shown, format!("calls|{id}x"), "not as long as such an id");
        assert_eq!(Key::new("", "").to_string(), "|");
    }

    #[test]
    fn a_long_name_is_cut_where_it_is_shown() {
        let shown = Key::new("s\n", vec![0u8; 200]).to_string();
        assert!(shown.starts_with("s\\n|\\x00"), "{shown}");
        assert!(shown.ends_with("... (200 bytes)"), "{shown}");
    }
}
