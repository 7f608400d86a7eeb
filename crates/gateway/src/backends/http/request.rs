//! The request of one call: every argument written so that it stays in its place.

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue, Method};
use mcpg_config::app::{BodyEscape, Http, HttpBody, JsonTemplate, Template, UrlTemplate};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::backends::arguments::{Arguments, fill, fill_present, find, named};

/// Everything that could mean something in a path.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A request before it is sent.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Builds the request of a call.
///
/// # Errors
/// Why the arguments cannot be sent, for the caller.
pub(super) fn build(http: &Http, arguments: &Arguments) -> Result<Prepared, String> {
    let mut url = url(&http.url, arguments)?;
    for (name, template) in &http.query {
        if let Some(value) = fill_present(template, arguments) {
            url.query_pairs_mut().append_pair(name, &value);
        }
    }
    Ok(Prepared {
        method: http.method.clone(),
        url,
        headers: headers(http, arguments)?,
        body: http
            .body
            .as_ref()
            .map_or_else(Bytes::new, |body| body_bytes(body, arguments)),
    })
}

fn url(template: &UrlTemplate, arguments: &Arguments) -> Result<Url, String> {
    let origin = template.origin.as_str().trim_end_matches('/');
    let mut text = origin.to_owned();
    for segment in &template.segments {
        text.push('/');
        text.push_str(&path_segment(segment, arguments)?);
    }
    if let Some(query) = &template.query {
        text.push('?');
        text.push_str(&fill(query, arguments, |text| form(&text).into()));
    }
    let url = Url::parse(&text).map_err(|error| format!("the arguments make no URL: {error}"))?;
    // Every argument is encoded, so nothing can have moved; if it has, nothing is sent.
    if url.origin() != template.origin.origin() || !url.username().is_empty() || url.password().is_some() {
        return Err("the arguments would change the host of the URL".to_owned());
    }
    Ok(url)
}

/// A segment stays one: it can neither be left out nor lead upwards.
fn path_segment(template: &Template, arguments: &Arguments) -> Result<String, String> {
    let filled = fill(template, arguments, |text| {
        utf8_percent_encode(&text, IN_PATH).to_string().into()
    });
    if template.arguments().next().is_none() {
        return Ok(filled);
    }
    let decoded = percent_decode_str(&filled).decode_utf8_lossy();
    match decoded.as_ref() {
        "" => Err(format!(
            "the path of the URL needs {}, which is empty or absent",
            named(template)
        )),
        "." | ".." => Err(format!(
            "{} cannot be `{decoded}` in the path of the URL",
            named(template)
        )),
        _ => Ok(filled),
    }
}

fn headers(http: &Http, arguments: &Arguments) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::with_capacity(http.headers.len() + 1);
    for (name, template) in &http.headers {
        let Some(value) = fill_present(template, arguments) else {
            continue;
        };
        let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            format!(
                "{} cannot be sent in the header `{name}`: a line break or another control character is in it",
                named(template)
            )
        })?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    headers
        .entry(USER_AGENT)
        .or_insert(HeaderValue::from_static(concat!(
            "mcpg/",
            env!("CARGO_PKG_VERSION")
        )));
    Ok(headers)
}

fn body_bytes(body: &HttpBody, arguments: &Arguments) -> Bytes {
    match body {
        HttpBody::Json(template) => json(template, arguments)
            .unwrap_or(Value::Null)
            .to_string()
            .into(),
        HttpBody::Text(template, escape) => fill(template, arguments, |text| match escape {
            BodyEscape::None => text,
            BodyEscape::Form => form(&text).into(),
            BodyEscape::Xml => xml(&text).into(),
        })
        .into(),
    }
}

/// Fills a JSON value; `None` where it is nothing but an absent argument. A `null` that was sent stays one.
fn json(template: &JsonTemplate, arguments: &Arguments) -> Option<Value> {
    match template {
        JsonTemplate::Fixed(value) => Some(value.clone()),
        JsonTemplate::Text(template) => match template.whole_argument() {
            Some(path) => match path.names() {
                [name] => arguments.get(name).cloned(),
                _ => find(arguments, path).cloned(),
            },
            None => Some(Value::String(fill(template, arguments, |text| text))),
        },
        JsonTemplate::List(items) => {
            let items = items.iter().filter_map(|item| json(item, arguments));
            Some(Value::Array(items.collect()))
        }
        JsonTemplate::Map(members) => {
            let members = members.iter();
            let members = members.filter_map(|(name, member)| Some((name.clone(), json(member, arguments)?)));
            Some(Value::Object(members.collect()))
        }
    }
}

fn form(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
