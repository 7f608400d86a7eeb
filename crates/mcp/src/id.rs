//! JSON-RPC request ids that keep their type.

use crate::raw;
use serde_json::value::RawValue;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Identifies one JSON-RPC request. The number `1` and the string `"1"` are two different ids.
///
/// Two ids are equal when they mean the same: `"a"` equals the escaped spelling of the same letter. Only strings and
/// integers are ids; an integer keeps all its digits, however many they are.
#[derive(Clone)]
pub struct RequestId {
    /// The canonical JSON text, hence equal text means equal id.
    json: Arc<str>,
    /// The decoded text of a string id, only where it differs from the text between the quotes.
    decoded: Option<Arc<str>>,
}

/// Says why a JSON value cannot be a request id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidId;

impl RequestId {
    /// Makes a numeric id.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        Self {
            json: number.to_string().into(),
            decoded: None,
        }
    }

    /// Makes a string id.
    #[must_use]
    pub fn from_string(text: &str) -> Self {
        if is_plain(text) {
            return Self {
                json: format!("\"{text}\"").into(),
                decoded: None,
            };
        }
        let json = raw::from_string(text);
        let escaped = json.get().len() != text.len() + 2;
        Self {
            json: json.get().into(),
            decoded: escaped.then(|| text.into()),
        }
    }

    /// Reads an id from its JSON text, for instance `7` or `"seven"`.
    ///
    /// # Errors
    /// [`InvalidId`] for every JSON value that is neither a string nor an integer, and for text that is not JSON.
    pub fn from_json(json: &str) -> Result<Self, InvalidId> {
        let json = json.trim_matches([' ', '\t', '\r', '\n']);
        if json.starts_with('"') {
            let inner = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            if inner.is_some_and(is_plain) {
                return Ok(Self {
                    json: json.into(),
                    decoded: None,
                });
            }
            let text: String = serde_json::from_str(json).map_err(|_| InvalidId)?;
            return Ok(Self::from_string(&text));
        }
        if !is_integer(json) {
            return Err(InvalidId);
        }
        let canonical = if json == "-0" { "0" } else { json };
        Ok(Self {
            json: canonical.into(),
            decoded: None,
        })
    }

    /// Reads an id from a raw JSON value.
    ///
    /// # Errors
    /// [`InvalidId`] as in [`RequestId::from_json`].
    pub fn from_raw(raw: &RawValue) -> Result<Self, InvalidId> {
        Self::from_json(raw.get())
    }

    /// The id as JSON text, quotes included.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.json
    }

    /// The decoded text of a string id, `None` for a number.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.decoded {
            Some(decoded) => Some(decoded),
            None => self.json.strip_prefix('"')?.strip_suffix('"'),
        }
    }

    /// The value of a numeric id, `None` for a string and for a number that does not fit.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.json.parse().ok()
    }

    /// The id as a raw JSON value, for instance to place it in `_meta`.
    #[must_use]
    pub fn to_raw(&self) -> Box<RawValue> {
        raw::from_written(self.json.as_ref().to_owned())
    }
}

/// True for text that stands between the quotes of its JSON string as it is: most ids are such.
fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, 0x20..=0x7e) && byte != b'"' && byte != b'\\')
}

/// JSON allows no leading zero and no plus sign; the same rules hold here.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    match digits {
        [] => false,
        [b'0'] => true,
        [b'0', ..] => false,
        _ => digits.iter().all(u8::is_ascii_digit),
    }
}

impl PartialEq for RequestId {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json
    }
}

impl Eq for RequestId {}

impl Hash for RequestId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.json.hash(state);
    }
}

impl PartialOrd for RequestId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RequestId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.json.cmp(&other.json)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RequestId({})", self.json)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.json)
    }
}

impl From<String> for RequestId {
    fn from(text: String) -> Self {
        Self::from_string(&text)
    }
}

impl From<&str> for RequestId {
    fn from(text: &str) -> Self {
        Self::from_string(text)
    }
}

impl From<u64> for RequestId {
    fn from(number: u64) -> Self {
        Self::from_number(number)
    }
}

impl fmt::Display for InvalidId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a request id must be a string or an integer")
    }
}

impl std::error::Error for InvalidId {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn number_and_string_of_the_same_digits_differ() {
        let number = RequestId::from_json("1").unwrap();
        let text = RequestId::from_json("\"1\"").unwrap();
        assert_ne!(number, text);
        assert_eq!(HashSet::from([number.clone(), text.clone()]).len(), 2);
        assert_eq!((number.as_str(), text.as_str()), (None, Some("1")));
        assert_eq!((number.as_u64(), text.as_u64()), (Some(1), None));
        assert_eq!(number, RequestId::from_number(1));
    }

    #[test]
    fn ids_are_equal_by_meaning() {
        assert_eq!(RequestId::from_json(r#""\u0061""#).unwrap(), RequestId::from("a"));
        assert_eq!(
            RequestId::from_json(" 0 ").unwrap(),
            RequestId::from_json("-0").unwrap()
        );
        assert_eq!(RequestId::from_json(r#""\/""#).unwrap(), RequestId::from("/"));
    }

    #[test]
    fn every_id_survives_the_round_trip() {
        let hard = [
            "",
            "a",
            "\"",
            "\\",
            "\n\u{0}\u{7f}",
            "\u{2028}",
            "日本",
            "=?base64?x?=",
            "😀",
        ];
        for text in hard {
            let id = RequestId::from_string(text);
            assert_eq!(id.as_str(), Some(text));
            assert_eq!(RequestId::from_json(id.as_json()).unwrap(), id);
            assert_eq!(id.to_raw().get(), id.to_string());
        }
        for number in ["0", "-1", "9007199254740993", "123456789012345678901234567890"] {
            assert_eq!(RequestId::from_json(number).unwrap().as_json(), number);
        }
    }

    #[test]
    fn values_that_are_no_id_are_refused() {
        let refused = [
            "null",
            "true",
            "1.0",
            "1.5",
            "1e3",
            "{}",
            "[1]",
            "",
            "-",
            "01",
            "-01",
            "+1",
            "\"",
            "\"a",
            "\"\\ud800\"",
            "\"a\" 1",
            "٣",
        ];
        for json in refused {
            assert_eq!(RequestId::from_json(json), Err(InvalidId), "{json}");
        }
    }
}
