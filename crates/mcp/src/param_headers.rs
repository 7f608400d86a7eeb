//! Tool parameters that a modern client repeats in headers (`x-mcp-header`).

use crate::error::ErrorObject;
use crate::header_value::{decode, encode, single};
use crate::headers::{PARAM_PREFIX, differs, malformed, missing};
use crate::object::Object;
use crate::raw;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

mod schema;

/// The parameters of one tool that are repeated in headers. Most tools have none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeaderParams {
    params: Vec<HeaderParam>,
}

/// A tool whose `x-mcp-header` annotations break the rules; clients must leave it out of their tool list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidAnnotation(String);

#[derive(Debug, Clone, PartialEq, Eq)]
struct HeaderParam {
    header: HeaderName,
    /// The member names that lead from the arguments to the value.
    path: Vec<String>,
}

impl HeaderParams {
    /// Reads the annotations of a tool's `inputSchema`.
    ///
    /// # Errors
    /// [`InvalidAnnotation`] says which one breaks which rule.
    pub fn from_input_schema(schema: &RawValue) -> Result<Self, InvalidAnnotation> {
        schema::read(schema).map(|params| Self { params })
    }

    /// True if the tool has no such parameter.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.params.is_empty()
    }

    /// The header names, in the order of the schema.
    pub fn header_names(&self) -> impl Iterator<Item = &HeaderName> {
        self.params.iter().map(|param| &param.header)
    }

    /// Checks the headers of a received tools/call against its arguments.
    ///
    /// # Errors
    /// A header mismatch (-32020) if a header is missing, malformed, differs from the arguments, or stands for a value
    /// the arguments do not have. The HTTP status is 400.
    pub fn validate(&self, headers: &HeaderMap, arguments: Option<&RawValue>) -> Result<(), ErrorObject> {
        if self.params.is_empty() {
            return Ok(());
        }
        let arguments = arguments
            .and_then(|arguments| Object::parse(arguments).ok())
            .unwrap_or_default();
        for param in &self.params {
            let name = &param.header;
            let value = single(headers, name).map_err(|problem| malformed(name, problem))?;
            let value = value
                .map(decode)
                .transpose()
                .map_err(|problem| malformed(name, problem))?;
            // The upstream may read the other value of a repeated argument than the one compared here.
            let body = param
                .find(&arguments)
                .map_err(|Repeated| malformed(name, "stands for a repeated argument"))?;
            match (value, body) {
                (None, None) => {}
                (Some(value), Some(body)) if same(&value, &body) => {}
                (Some(value), Some(body)) => return Err(differs(name, &value, body.get())),
                (None, Some(_)) => return Err(missing(name)),
                (Some(_), None) => return Err(malformed(name, "has no counterpart in the arguments")),
            }
        }
        Ok(())
    }

    /// The headers to send with a tools/call. Values that are not a string, number or boolean have none.
    #[must_use]
    pub fn to_headers(&self, arguments: Option<&RawValue>) -> Vec<(HeaderName, HeaderValue)> {
        if self.params.is_empty() {
            return Vec::new();
        }
        let arguments = arguments
            .and_then(|arguments| Object::parse(arguments).ok())
            .unwrap_or_default();
        let header = |param: &HeaderParam| {
            let value = param.find(&arguments).ok()??;
            Some((param.header.clone(), encode(&text_of(&value)?)))
        };
        self.params.iter().filter_map(header).collect()
    }
}

impl HeaderParam {
    fn new(name: &str, path: Vec<String>) -> Result<Self, InvalidAnnotation> {
        let header = format!("{PARAM_PREFIX}{name}").parse();
        let header = header.map_err(|_| InvalidAnnotation(format!("{name:?} is no header name")))?;
        Ok(Self { header, path })
    }

    /// The value in the arguments; `null` counts as absent.
    fn find(&self, arguments: &Object<'_>) -> Result<Option<Box<RawValue>>, Repeated> {
        let Some((first, rest)) = self.path.split_first() else {
            return Ok(None);
        };
        let mut value = member(arguments, first)?;
        for name in rest {
            let Some(parent) = value else { return Ok(None) };
            let Ok(parent) = Object::parse(&parent) else {
                return Ok(None);
            };
            value = member(&parent, name)?;
        }
        Ok(value.filter(|value| value.get() != "null"))
    }
}

/// An object on the way to the value has a member twice.
struct Repeated;

fn member(object: &Object<'_>, name: &str) -> Result<Option<Box<RawValue>>, Repeated> {
    if object.had_duplicates() {
        Err(Repeated)
    } else {
        Ok(object.get(name).map(ToOwned::to_owned))
    }
}

/// The text form of a value that may stand in a header.
fn text_of(value: &RawValue) -> Option<Cow<'_, str>> {
    let json = value.get();
    match json.as_bytes().first()? {
        b'"' => raw::string(value),
        b't' | b'f' => Some(Cow::Borrowed(json)),
        b'-' | b'0'..=b'9' => Some(integer_text(json)),
        _ => None,
    }
}

/// Integers are written without fraction and exponent, which JSON would allow them to have.
fn integer_text(json: &str) -> Cow<'_, str> {
    /// Up to here every whole number is exact in a double.
    const SAFE: f64 = 9_007_199_254_740_991.0;
    let plain = json.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
    match json.parse::<f64>() {
        Ok(number) if !plain && number.fract() == 0.0 && number.abs() <= SAFE => {
            Cow::Owned(format!("{number:.0}"))
        }
        _ => Cow::Borrowed(json),
    }
}

/// Compares the decoded header with the value of the body: numbers by value, everything else by text.
fn same(header: &str, body: &RawValue) -> bool {
    if matches!(body.get().as_bytes().first(), Some(b'-' | b'0'..=b'9')) {
        return same_number(header, body.get());
    }
    text_of(body).is_some_and(|text| text == header)
}

fn same_number(header: &str, body: &str) -> bool {
    if header == body {
        return true;
    }
    let is_number = matches!(header.as_bytes().first(), Some(b'-' | b'0'..=b'9'));
    if !is_number || serde_json::from_str::<&RawValue>(header).is_err() {
        return false;
    }
    match (header.parse::<i128>(), body.parse::<i128>()) {
        (Ok(header), Ok(body)) => header == body,
        _ => match (header.parse::<f64>(), body.parse::<f64>()) {
            (Ok(header), Ok(body)) => header.is_finite() && header == body,
            _ => false,
        },
    }
}

impl fmt::Display for InvalidAnnotation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "invalid x-mcp-header: {}", self.0)
    }
}

impl std::error::Error for InvalidAnnotation {}

#[cfg(test)]
mod tests;
