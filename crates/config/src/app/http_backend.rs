//! The backend that asks a web server.

use super::{ResultExpression, Template};
use http::{HeaderName, Method, StatusCode};
use serde_json::Value;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;
use url::Url;

/// A backend that sends one HTTP request per call.
#[derive(Debug, Clone)]
pub struct Http {
    /// Where the request goes.
    pub url: UrlTemplate,
    /// The method of the request.
    pub method: Method,
    /// The headers of the request; with a body, its `content-type` is among them.
    pub headers: Vec<(HeaderName, Template)>,
    /// Parameters that are added to the query of the URL.
    pub query: Vec<(String, Template)>,
    /// The body of the request.
    pub body: Option<HttpBody>,
    /// How long everything may take: name, connection, redirects and body.
    pub timeout: Duration,
    /// The status codes of an answer that is no failure.
    pub expected_status_codes: StatusCodes,
    /// What becomes of an answer; absent, its body is the result.
    pub result: Option<ResultExpression>,
    /// The largest answer in bytes (`max_response_mb`).
    pub max_response_bytes: usize,
    /// Whether addresses may be reached that are not of the public internet.
    pub allow_private: bool,
}

/// A URL whose path and query may hold arguments; its scheme, host and port are fixed.
#[derive(Clone)]
pub struct UrlTemplate {
    /// Scheme, host and port, with the path `/`.
    pub origin: Url,
    /// What stands between the slashes of the path.
    pub segments: Vec<Template>,
    /// What follows the question mark.
    pub query: Option<Template>,
}

/// The body of a request.
#[derive(Clone)]
pub enum HttpBody {
    /// A JSON value whose texts may hold arguments.
    Json(JsonTemplate),
    /// A text, and how arguments are written in it.
    Text(Template, BodyEscape),
}

/// How an argument is written in a body that is a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEscape {
    /// As it is.
    None,
    /// As a value of a form.
    Form,
    /// As text of XML or HTML.
    Xml,
}

/// A JSON value whose texts may hold arguments.
#[derive(Clone)]
pub enum JsonTemplate {
    /// A value without arguments.
    Fixed(Value),
    /// A text with arguments. One that is nothing but an expression takes the type of the argument.
    Text(Template),
    /// A list.
    List(Vec<JsonTemplate>),
    /// An object.
    Map(Vec<(String, JsonTemplate)>),
}

/// A set of status codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCodes(pub(crate) Vec<RangeInclusive<u16>>);

impl StatusCodes {
    /// Tells whether a status is in the set.
    pub fn contains(&self, status: StatusCode) -> bool {
        self.0.iter().any(|range| range.contains(&status.as_u16()))
    }
}

/// Shows the host only: paths and queries may hold credentials.
impl fmt::Debug for UrlTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}…", self.origin)
    }
}

impl fmt::Debug for HttpBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Json(_) => "Json(…)",
            Self::Text(..) => "Text(…)",
        })
    }
}

impl fmt::Debug for JsonTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JsonTemplate(…)")
    }
}
