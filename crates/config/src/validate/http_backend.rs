//! The rules of `backend.kind: http`.

use super::templates::{self, Scope, template};
use super::{Checker, expression, url_template};
use crate::app::{BodyEscape, Http, HttpBody, JsonTemplate, Part, StatusCodes, Template};
use crate::path::Path;
use crate::raw::http_backend::{RawBody, RawHttp, RawMethod, RawStatusCodes};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Headers that belong to the connection, and `accept-encoding`: what comes back compressed could not be read.
const RESERVED_HEADERS: [&str; 10] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

const MEBIBYTE: u64 = 1024 * 1024;

pub(super) fn validate(raw: RawHttp, scope: &Scope, path: &Path, checker: &mut Checker<'_>) -> Option<Http> {
    let url = url_template::validate(&raw.url, raw.allow_private, scope, &path.key("url"), checker);
    let mut headers = headers(&raw.headers, scope, &path.key("headers"), checker);
    let query = query(&raw.query, scope, &path.key("query"), checker);
    let content_type = content_type(&headers, &path.key("headers"), checker);
    let body = raw
        .body
        .map(|raw| body(raw, content_type.as_deref(), scope, &path.key("body"), checker));
    if let (Some(Some(body)), None) = (&body, &content_type) {
        let default = match body {
            HttpBody::Json(_) => "application/json",
            HttpBody::Text(..) => "text/plain; charset=utf-8",
        };
        headers.push((CONTENT_TYPE, Template::literal(default)));
    }
    let codes = status_codes(
        &raw.expected_status_codes,
        &path.key("expected_status_codes"),
        checker,
    );
    let result = raw
        .result
        .map(|text| expression::validate(&text, &path.key("result"), checker));
    Some(Http {
        url: url?,
        method: method(raw.method),
        headers,
        query,
        body: body.map_or(Some(None), |body| body.map(Some))?,
        timeout: Duration::from_millis(raw.timeout_ms),
        expected_status_codes: codes,
        result: result.map_or(Some(None), |result| result.map(Some))?,
        max_response_bytes: usize::try_from(u64::from(raw.max_response_mb) * MEBIBYTE).unwrap_or(usize::MAX),
        allow_private: raw.allow_private,
    })
}

fn method(raw: RawMethod) -> Method {
    match raw {
        RawMethod::Get => Method::GET,
        RawMethod::Head => Method::HEAD,
        RawMethod::Post => Method::POST,
        RawMethod::Put => Method::PUT,
        RawMethod::Patch => Method::PATCH,
        RawMethod::Delete => Method::DELETE,
        RawMethod::Options => Method::OPTIONS,
    }
}

fn headers(
    raw: &BTreeMap<String, String>,
    scope: &Scope,
    path: &Path,
    checker: &mut Checker<'_>,
) -> Vec<(HeaderName, Template)> {
    let mut headers: Vec<(HeaderName, Template)> = Vec::with_capacity(raw.len());
    for (name, value) in raw {
        let path = path.key(name);
        let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
            let message = format!("`{}` is not a header name", name.escape_debug());
            checker.invalid(&path, message, "letters, digits and `-`");
            continue;
        };
        if RESERVED_HEADERS.contains(&header.as_str()) {
            checker.conflict(
                &path,
                format!("the gateway sets the header `{header}` itself"),
                "headers that the gateway does not set",
                "leave it out",
            );
            continue;
        }
        if headers.iter().any(|(known, _)| *known == header) {
            checker.conflict(
                &path,
                format!("the header `{header}` stands twice in other letters"),
                "every header once",
                "keep one of the two",
            );
            continue;
        }
        let Some(value) = template(value, scope, &path, checker) else {
            continue;
        };
        let is_text = |part: &Part| !matches!(part, Part::Text(text) if HeaderValue::from_str(text).is_err());
        if !value.parts().iter().all(is_text) {
            checker.invalid(&path, "not a header value", "a text of one line in ASCII");
            continue;
        }
        headers.push((header, value));
    }
    headers
}

fn query(
    raw: &BTreeMap<String, String>,
    scope: &Scope,
    path: &Path,
    checker: &mut Checker<'_>,
) -> Vec<(String, Template)> {
    let mut query = Vec::with_capacity(raw.len());
    for (name, value) in raw {
        let path = path.key(name);
        if templates::is_fixed(name, "the name of a parameter", &path, checker)
            && let Some(value) = template(value, scope, &path, checker)
        {
            query.push((name.clone(), value));
        }
    }
    query
}

/// The media type that the headers declare, in small letters and without its parameters.
fn content_type(
    headers: &[(HeaderName, Template)],
    path: &Path,
    checker: &mut Checker<'_>,
) -> Option<String> {
    let (_, value) = headers.iter().find(|(name, _)| *name == CONTENT_TYPE)?;
    let Some(text) = value.as_literal() else {
        checker.invalid(
            &path.key(CONTENT_TYPE.as_str()),
            "an argument of a call cannot choose the type of the body",
            "a text without `${arguments...}`",
        );
        return None;
    };
    let essence = text.split(';').next().unwrap_or_default();
    Some(essence.trim().to_ascii_lowercase())
}

fn body(
    raw: RawBody,
    content_type: Option<&str>,
    scope: &Scope,
    path: &Path,
    checker: &mut Checker<'_>,
) -> Option<HttpBody> {
    let Value::String(text) = raw.0 else {
        return json_body(raw.0, scope, path, checker).map(HttpBody::Json);
    };
    let content_type = content_type.unwrap_or_default();
    if content_type == "application/json" || content_type.ends_with("+json") {
        // Filled as a value, not as a text, so that no argument can add members.
        let Ok(value) = serde_json::from_str(&text) else {
            checker.conflict(
                path,
                "the `content-type` promises JSON, and the text is none",
                "a map, a list, or JSON in which expressions stand inside texts",
                "write the body as a map: `${arguments.x}` alone in a text keeps the type of the argument",
            );
            return None;
        };
        return json_body(value, scope, path, checker).map(HttpBody::Json);
    }
    let is_xml = content_type.ends_with("/xml") || content_type.ends_with("+xml");
    let escape = match content_type {
        "application/x-www-form-urlencoded" => BodyEscape::Form,
        "text/html" => BodyEscape::Xml,
        _ if is_xml => BodyEscape::Xml,
        _ => BodyEscape::None,
    };
    template(&text, scope, path, checker).map(|template| HttpBody::Text(template, escape))
}

fn json_body(value: Value, scope: &Scope, path: &Path, checker: &mut Checker<'_>) -> Option<JsonTemplate> {
    Some(match value {
        Value::String(text) => JsonTemplate::Text(template(&text, scope, path, checker)?),
        Value::Array(items) => {
            let items = items.into_iter().enumerate();
            let items = items.map(|(index, item)| json_body(item, scope, &path.index(index), checker));
            JsonTemplate::List(items.collect::<Option<_>>()?)
        }
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, member)| {
                let path = path.key(&name);
                let is_fixed = templates::is_fixed(&name, "the name of a member", &path, checker);
                let member = json_body(member, scope, &path, checker)?;
                is_fixed.then_some((name, member))
            });
            JsonTemplate::Map(members.collect::<Option<_>>()?)
        }
        fixed => JsonTemplate::Fixed(fixed),
    })
}

fn status_codes(raw: &[RawStatusCodes], path: &Path, checker: &mut Checker<'_>) -> StatusCodes {
    let mut codes = Vec::with_capacity(raw.len());
    if raw.is_empty() {
        checker.invalid(
            path,
            "every answer would be a failure",
            "at least one status code or range, as in `[200..=299, 404]`",
        );
    }
    for (index, raw) in raw.iter().enumerate() {
        match range(raw) {
            Some(range) if !range.is_empty() => codes.push(range),
            _ => checker.invalid(
                &path.index(index),
                "the range is empty",
                "a range whose first code is not greater than its last, as in `200..=299`",
            ),
        }
    }
    StatusCodes(codes)
}

fn range(raw: &RawStatusCodes) -> Option<RangeInclusive<u16>> {
    match raw {
        RawStatusCodes::One(code) => Some(*code..=*code),
        RawStatusCodes::Range(text) => {
            let (first, last) = text.split_once("..=")?;
            Some(first.parse().ok()?..=last.parse().ok()?)
        }
    }
}
