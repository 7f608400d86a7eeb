//! Small questions about a raw JSON value that need no parsing.

use serde_json::value::{RawValue, to_raw_value};
use std::borrow::Cow;

/// True if the value is a JSON object. A `RawValue` carries no surrounding white space, so its first byte tells the type.
pub(crate) fn is_object(raw: &RawValue) -> bool {
    raw.get().starts_with('{')
}

/// True if the value is a JSON array.
pub(crate) fn is_array(raw: &RawValue) -> bool {
    raw.get().starts_with('[')
}

/// The decoded text of a JSON string, borrowed when it holds no escape; `None` for every other type and for a string
/// that is no valid Unicode text (a lone surrogate).
pub(crate) fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let text = raw.get();
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(text).ok().map(Cow::Owned)
}

/// The JSON text of a string, as a raw value.
pub(crate) fn from_string(text: &str) -> Box<RawValue> {
    to_raw_value(text).expect("a string is always JSON")
}

/// Wraps text that this crate has just written as JSON.
pub(crate) fn from_written(json: String) -> Box<RawValue> {
    RawValue::from_string(json).expect("the text was assembled from valid JSON parts")
}
