//! The `Accept` and `Content-Type` rules of the transport.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};

/// A JSON body.
pub const JSON: &str = "application/json";
/// A body of server-sent events.
pub const EVENT_STREAM: &str = "text/event-stream";

/// Checks that a POST accepts both JSON and an event stream, which the server may choose between. Wildcards count.
///
/// # Errors
/// 406 if either is missing, also when there is no `Accept` header: the protocol requires it.
pub fn check_post_accept(headers: &HeaderMap) -> Result<(), StatusCode> {
    require(
        accepts(headers, JSON) && accepts(headers, EVENT_STREAM),
        StatusCode::NOT_ACCEPTABLE,
    )
}

/// Checks that a GET accepts an event stream.
///
/// # Errors
/// 406 if it does not.
pub fn check_get_accept(headers: &HeaderMap) -> Result<(), StatusCode> {
    require(accepts(headers, EVENT_STREAM), StatusCode::NOT_ACCEPTABLE)
}

/// Checks that the body of a POST is declared as JSON. Parameters such as a charset do not matter.
///
/// # Errors
/// 415 if it is not.
pub fn check_content_type(headers: &HeaderMap) -> Result<(), StatusCode> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    require(value.is_some_and(is_json), StatusCode::UNSUPPORTED_MEDIA_TYPE)
}

/// True if the value of a `Content-Type` header names JSON.
#[must_use]
pub fn is_json(content_type: &str) -> bool {
    essence(content_type).eq_ignore_ascii_case(JSON)
}

/// True if the value of a `Content-Type` header names an event stream.
#[must_use]
pub fn is_event_stream(content_type: &str) -> bool {
    essence(content_type).eq_ignore_ascii_case(EVENT_STREAM)
}

fn require(condition: bool, status: StatusCode) -> Result<(), StatusCode> {
    if condition { Ok(()) } else { Err(status) }
}

fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

/// What practically every client sends.
const USUAL: [&str; 2] = [
    "application/json, text/event-stream",
    "text/event-stream, application/json",
];

fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    if headers
        .get(ACCEPT)
        .is_some_and(|value| USUAL.iter().any(|usual| value.as_bytes() == usual.as_bytes()))
    {
        return true;
    }
    let values = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|range| covers(range, wanted) && !is_refused(range))
}

fn covers(range: &str, wanted: &str) -> bool {
    let range = essence(range);
    if range == "*/*" || range.eq_ignore_ascii_case(wanted) {
        return true;
    }
    let kind = wanted.split('/').next().unwrap_or_default();
    range
        .strip_suffix("/*")
        .is_some_and(|range| range.eq_ignore_ascii_case(kind))
}

/// A weight of zero means "not acceptable".
fn is_refused(range: &str) -> bool {
    range.split(';').skip(1).any(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or_default();
        name.trim().eq_ignore_ascii_case("q") && value.trim().parse().is_ok_and(|weight: f32| weight <= 0.0)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn a_post_must_accept_both_forms() {
        let good: [&[&str]; 6] = [
            &["application/json, text/event-stream"],
            &["text/event-stream", "application/json"],
            &["*/*"],
            &["Application/JSON;q=0.5,text/*;q=1"],
            &["text/html, application/*, text/event-stream; charset=utf-8"],
            &["application/json,text/event-stream;q=0.001"],
        ];
        for values in good {
            assert_eq!(check_post_accept(&headers(&ACCEPT, values)), Ok(()), "{values:?}");
        }
        let bad: [&[&str]; 6] = [
            &[],
            &["application/json"],
            &["text/event-stream"],
            &["application/json, text/event-stream;q=0"],
            &["application/jsonx, text/event-stream"],
            &["text/*"],
        ];
        for values in bad {
            let answer = check_post_accept(&headers(&ACCEPT, values));
            assert_eq!(answer, Err(StatusCode::NOT_ACCEPTABLE), "{values:?}");
        }
    }

    #[test]
    fn a_get_must_accept_a_stream() {
        assert_eq!(
            check_get_accept(&headers(&ACCEPT, &["text/event-stream"])),
            Ok(())
        );
        assert!(check_get_accept(&headers(&ACCEPT, &["application/json"])).is_err());
        assert!(check_get_accept(&HeaderMap::new()).is_err());
    }

    #[test]
    fn a_body_must_be_declared_as_json() {
        for value in [
            "application/json",
            "application/json; charset=utf-8",
            "APPLICATION/JSON ;x=y",
        ] {
            assert_eq!(check_content_type(&headers(&CONTENT_TYPE, &[value])), Ok(()));
        }
        for value in ["text/plain", "application/jsonp", "", "application/json-seq"] {
            let answer = check_content_type(&headers(&CONTENT_TYPE, &[value]));
            assert_eq!(answer, Err(StatusCode::UNSUPPORTED_MEDIA_TYPE), "{value}");
        }
        assert!(check_content_type(&HeaderMap::new()).is_err());
        assert!(is_event_stream("text/event-stream;charset=utf-8") && !is_event_stream("text/event"));
    }
}
