//! W3C trace context: `traceparent` and `tracestate`, and the `baggage` beside them.
//!
//! It comes in HTTP headers or, for one message, in its `_meta`. What does not have the form of the specification is not
//! passed on: a receiver must be able to trust what a gateway hands it.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::value::RawValue;

use crate::object::Object;

/// The header, and the key in `_meta`, of the trace and the caller's place in it.
pub const TRACEPARENT: &str = "traceparent";
/// The header, and the key in `_meta`, of what tracing systems add to that.
pub const TRACESTATE: &str = "tracestate";
/// The key in `_meta` of what the caller wants everybody behind it to know.
pub const BAGGAGE: &str = "baggage";

/// The length of a `traceparent` of version 00, and the least of a later one.
const TRACEPARENT_LENGTH: usize = 55;
/// The most entries and bytes of a `tracestate`.
const MOST_STATES: usize = 32;
const LONGEST_STATE: usize = 4096;
/// The most entries and bytes of a `baggage`.
const MOST_BAGGAGE: usize = 64;
const LONGEST_BAGGAGE: usize = 8192;

/// What is known of the trace that a request belongs to. Everything in it is valid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceContext {
    parent: Option<HeaderValue>,
    state: Option<HeaderValue>,
    baggage: Option<HeaderValue>,
}

/// What the `_meta` of a message says about its trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetaTrace {
    /// What is valid.
    pub context: TraceContext,
    /// The keys whose values are not, and that must not be passed on.
    pub invalid: Vec<&'static str>,
}

impl TraceContext {
    /// Reads the headers of a request. Baggage in a header belongs to the systems before the gateway and is left there.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let mut parents = headers.get_all(TRACEPARENT).iter();
        let parent = parents.next().filter(|_| parents.next().is_none());
        let Some(parent) = parent.filter(|value| value.to_str().is_ok_and(is_parent)) else {
            return Self::default();
        };
        let mut lines = headers.get_all(TRACESTATE).iter();
        let state = match (lines.next(), lines.next()) {
            (None, _) => None,
            (Some(only), None) => only.to_str().ok().map(Cow::Borrowed),
            // Several lines are one list.
            _ => {
                let lines: Result<Vec<&str>, _> = headers
                    .get_all(TRACESTATE)
                    .iter()
                    .map(HeaderValue::to_str)
                    .collect();
                lines.ok().map(|lines| Cow::Owned(lines.join(",")))
            }
        };
        Self {
            parent: Some(parent.clone()),
            state: state
                .filter(|state| is_state(state))
                .and_then(|state| HeaderValue::from_str(&state).ok()),
            baggage: None,
        }
    }

    /// The same, where what the message itself says comes before what its headers say.
    #[must_use]
    pub fn or(self, headers: &Self) -> Self {
        let baggage = self.baggage.or_else(|| headers.baggage.clone());
        let (parent, state) = match self.parent {
            Some(parent) => (Some(parent), self.state),
            None => (headers.parent.clone(), headers.state.clone()),
        };
        Self {
            parent,
            state,
            baggage,
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The id of the trace: 32 hexadecimal digits.
    pub fn trace_id(&self) -> Option<&str> {
        self.parent.as_ref()?.to_str().ok()?.get(3..35)
    }

    /// Writes the headers of a request that belongs to the same trace.
    pub fn add_to(&self, headers: &mut HeaderMap) {
        for (name, value) in [
            (TRACEPARENT, &self.parent),
            (TRACESTATE, &self.state),
            (BAGGAGE, &self.baggage),
        ] {
            if let Some(value) = value {
                headers.insert(HeaderName::from_static(name), value.clone());
            }
        }
    }
}

impl MetaTrace {
    /// Reads the `_meta` of a message.
    pub fn read(meta: Option<&RawValue>) -> Self {
        let Some(meta) = meta.filter(|meta| may_tell(meta.get())) else {
            return Self::default();
        };
        let Ok(meta) = Object::parse(meta) else {
            return Self::default();
        };
        let mut invalid = Vec::new();
        let mut take = |key: &'static str, is_valid: &dyn Fn(&str) -> bool| {
            meta.get(key)?;
            let text = meta.get_str(key).filter(|text| is_valid(text));
            let value = text.and_then(|text| HeaderValue::from_str(&text).ok());
            if value.is_none() {
                invalid.push(key);
            }
            value
        };
        let parent = take(TRACEPARENT, &is_parent);
        // Without the former the latter means nothing.
        let state = take(TRACESTATE, &|state| parent.is_some() && is_state(state));
        let baggage = take(BAGGAGE, &is_baggage);
        Self {
            context: TraceContext {
                parent,
                state,
                baggage,
            },
            invalid,
        }
    }
}

/// Whether there may be something to read: almost always there is not, and looking is much cheaper than reading.
fn may_tell(meta: &str) -> bool {
    // A key can be spelt with escapes.
    meta.contains("trace") || meta.contains(BAGGAGE) || meta.contains('\\')
}

/// `version-traceid-parentid-flags` in lower case hexadecimal digits; later versions may have more behind that.
fn is_parent(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(version), Some(trace), Some(parent), Some(flags)) = (
        bytes.get(..2),
        bytes.get(3..35),
        bytes.get(36..52),
        bytes.get(53..55),
    ) else {
        return false;
    };
    let hexadecimal = |part: &[u8]| part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let zero = |part: &[u8]| part.iter().all(|byte| *byte == b'0');
    let ends_well = match (version, bytes.get(TRACEPARENT_LENGTH)) {
        (_, None) => true,
        (b"00", Some(_)) => false,
        (_, Some(next)) => *next == b'-' && bytes.iter().all(u8::is_ascii_graphic),
    };
    [version, trace, parent, flags].into_iter().all(hexadecimal)
        && [bytes[2], bytes[35], bytes[52]] == *b"---"
        && version != b"ff"
        && !zero(trace)
        && !zero(parent)
        && ends_well
}

/// A list of `key=value`.
fn is_state(text: &str) -> bool {
    is_list(text, MOST_STATES, LONGEST_STATE)
}

/// A list of `key=value`, each with properties behind it.
fn is_baggage(text: &str) -> bool {
    is_list(text, MOST_BAGGAGE, LONGEST_BAGGAGE)
}

fn is_list(text: &str, most: usize, longest: usize) -> bool {
    let printable = text
        .bytes()
        .all(|byte| matches!(byte, b' ' | b'\t') || byte.is_ascii_graphic());
    let entries = || text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let named = entries().all(|entry| {
        let name = entry.split_once('=').map(|(name, _)| name.trim_end());
        name.is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()))
    });
    let count = entries().count();
    text.len() <= longest && printable && named && (1..=most).contains(&count)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect()
    }

    fn meta(text: &str) -> MetaTrace {
        MetaTrace::read(Some(&RawValue::from_string(text.to_owned()).unwrap()))
    }

    #[test]
    fn a_valid_parent_is_kept_with_its_state_and_names_the_trace() {
        let mut lines = headers(&[(TRACEPARENT, PARENT), (TRACESTATE, "a=1")]);
        lines.append(TRACESTATE, HeaderValue::from_static("b@c=2"));
        let context = TraceContext::from_headers(&lines);
        assert_eq!(context.trace_id(), Some("0af7651916cd43dd8448eb211c80319c"));
        let mut sent = HeaderMap::new();
        context.add_to(&mut sent);
        assert_eq!(sent, headers(&[(TRACEPARENT, PARENT), (TRACESTATE, "a=1,b@c=2")]));
    }

    #[test]
    fn an_invalid_parent_is_dropped_with_its_state() {
        for parent in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7",
            "00-0AF7651916CD43DD8448EB211C80319C-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
            "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01-more",
            "00_0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
        ] {
            let context = TraceContext::from_headers(&headers(&[(TRACEPARENT, parent), (TRACESTATE, "a=1")]));
            assert!(context.is_empty(), "{parent}");
        }
        let mut twice = headers(&[(TRACEPARENT, PARENT)]);
        twice.append(TRACEPARENT, HeaderValue::from_static(PARENT));
        assert!(TraceContext::from_headers(&twice).is_empty());
        let later = "01-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01-more";
        assert!(!TraceContext::from_headers(&headers(&[(TRACEPARENT, later)])).is_empty());
    }

    #[test]
    fn an_invalid_state_is_dropped_alone() {
        let many = vec!["a=1"; MOST_STATES + 1].join(",");
        let long = format!("a={}", "x".repeat(LONGEST_STATE));
        for state in ["", "nothing", "=1", "a=1,b", &many, &long] {
            let context = TraceContext::from_headers(&headers(&[(TRACEPARENT, PARENT), (TRACESTATE, state)]));
            let mut sent = HeaderMap::new();
            context.add_to(&mut sent);
            assert_eq!(sent, headers(&[(TRACEPARENT, PARENT)]), "{state}");
        }
    }

    #[test]
    fn metadata_is_read_and_what_is_invalid_in_it_named() {
        let read = meta(&format!(
            r#"{{"traceparent":"{PARENT}","tracestate":"a=1","baggage":"user=7;p=1","other":1}}"#
        ));
        assert_eq!(read.invalid, [""; 0]);
        let mut sent = HeaderMap::new();
        read.context.add_to(&mut sent);
        assert_eq!(
            sent,
            headers(&[
                (TRACEPARENT, PARENT),
                (TRACESTATE, "a=1"),
                (BAGGAGE, "user=7;p=1")
            ])
        );
        let read = meta(r#"{"trac\u0065parent":7,"tracestate":"a=1","baggage":"line\nbreak=1"}"#);
        assert_eq!(read.invalid, [TRACEPARENT, TRACESTATE, BAGGAGE]);
        assert!(read.context.is_empty());
        assert_eq!(meta(r#"{"progressToken":1}"#), MetaTrace::default());
    }

    #[test]
    fn what_the_message_says_comes_first() {
        let outer = TraceContext::from_headers(&headers(&[(TRACEPARENT, PARENT), (TRACESTATE, "a=1")]));
        let own = PARENT.replace("0af7", "ffff");
        let inner = meta(&format!(r#"{{"traceparent":"{own}"}}"#)).context.or(&outer);
        let mut sent = HeaderMap::new();
        inner.add_to(&mut sent);
        assert_eq!(
            sent,
            headers(&[(TRACEPARENT, &own)]),
            "the state belongs to the other parent"
        );
        let only_baggage = meta(r#"{"baggage":"a=1"}"#).context.or(&outer);
        assert_eq!(only_baggage.trace_id(), outer.trace_id());
    }
}
