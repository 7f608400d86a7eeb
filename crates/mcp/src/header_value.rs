//! The text form of header values: reading one header strictly, and the Base64 form for text that no header may hold.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;

const PREFIX: &str = "=?base64?";
const SUFFIX: &str = "?=";

/// Reads a header that may occur once, without the white space around it.
///
/// The error text names what is wrong with the value.
pub(crate) fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, &'static str> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err("occurs more than once");
    }
    let text = first.to_str().map_err(|_| "contains invalid characters")?;
    Ok(Some(text.trim_matches([' ', '\t'])))
}

/// Undoes [`encode`]. Text without the complete Base64 markers stands for itself.
pub(crate) fn decode(value: &str) -> Result<Cow<'_, str>, &'static str> {
    let Some(encoded) = value
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.strip_suffix(SUFFIX))
    else {
        return Ok(Cow::Borrowed(value));
    };
    let bytes = STANDARD.decode(encoded).map_err(|_| "is not valid Base64")?;
    String::from_utf8(bytes)
        .map(Cow::Owned)
        .map_err(|_| "is not Base64 of UTF-8 text")
}

/// Makes a header value of any text.
pub(crate) fn encode(text: &str) -> HeaderValue {
    if is_safe(text)
        && let Ok(value) = HeaderValue::from_str(text)
    {
        return value;
    }
    let encoded = format!("{PREFIX}{}{SUFFIX}", STANDARD.encode(text));
    HeaderValue::from_str(&encoded).expect("Base64 between two ASCII markers is a valid header value")
}

fn is_safe(text: &str) -> bool {
    let looks_encoded = text.starts_with(PREFIX) && text.ends_with(SUFFIX);
    let is_trimmed = text.trim_matches([' ', '\t']).len() == text.len();
    let is_plain = text.bytes().all(|byte| matches!(byte, b'\t' | 0x20..=0x7e));
    is_plain && is_trimmed && !looks_encoded
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_examples_of_the_specification_are_met() {
        let examples = [
            ("us-west1", "us-west1"),
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
            (" padded ", "=?base64?IHBhZGRlZCA=?="),
            ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
            ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
        ];
        for (text, header) in examples {
            assert_eq!(encode(text), header);
            assert_eq!(decode(header).unwrap(), text);
        }
    }

    #[test]
    fn any_text_survives_the_round_trip() {
        for text in [
            "",
            "a b",
            "a\tb",
            "\t",
            "\u{0}",
            "\u{7f}",
            "é",
            "=?base64?",
            "=?base64?=",
            "=?base64??=",
        ] {
            let value = encode(text);
            assert_eq!(decode(value.to_str().unwrap()).unwrap(), text, "{text:?}");
        }
    }

    #[test]
    fn broken_base64_is_refused_and_incomplete_markers_are_literal() {
        for value in [
            "=?base64?SGVsbG8?=",
            "=?base64?SGVs!!!bG8=?=",
            "=?base64?/w==?=",
            "=?base64?SGVsbG9=?=",
        ] {
            assert!(decode(value).is_err(), "{value}");
        }
        for value in ["=?base64?SGVsbG8=", "SGVsbG8=?=", "=?BASE64?SGVsbG8=?="] {
            assert_eq!(decode(value).unwrap(), value);
        }
    }

    #[test]
    fn a_header_is_read_once_and_trimmed() {
        let name = HeaderName::from_static("x-name");
        let mut headers = HeaderMap::new();
        assert_eq!(single(&headers, &name), Ok(None));
        headers.append(&name, HeaderValue::from_static(" \ta b\t "));
        assert_eq!(single(&headers, &name), Ok(Some("a b")));
        headers.append(&name, HeaderValue::from_static("a b"));
        assert!(single(&headers, &name).is_err());
        headers.insert(&name, HeaderValue::from_bytes("é".as_bytes()).unwrap());
        assert!(single(&headers, &name).is_err());
    }
}
