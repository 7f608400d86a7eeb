//! Reads the JSON-RPC envelope of a received body; everything inside it stays raw text.

use crate::error::ErrorObject;
use crate::id::RequestId;
use crate::raw;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

mod members;

use members::Members;

/// The most messages one batch may hold. Every refused element costs an answer of its own, so a body of millions of
/// tiny elements would otherwise be answered with many times its size.
pub const MAX_BATCH_MESSAGES: usize = 1000;

/// A received body.
#[derive(Debug)]
pub enum Incoming<'a> {
    /// One message.
    Single(Message<'a>),
    /// An array of at least one message, each of which can be invalid by itself.
    Batch(Vec<Result<Message<'a>, InvalidMessage>>),
}

/// One JSON-RPC message.
#[derive(Debug, Clone)]
pub enum Message<'a> {
    /// Expects a response.
    Request(Request<'a>),
    /// Expects none.
    Notification(Notification<'a>),
    /// Answers an earlier request.
    Response(Response<'a>),
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The sender's id, with its type.
    pub id: RequestId,
    /// The method name.
    pub method: Cow<'a, str>,
    /// The parameters, an object or an array.
    pub params: Option<&'a RawValue>,
}

/// A notification.
#[derive(Debug, Clone)]
pub struct Notification<'a> {
    /// The method name.
    pub method: Cow<'a, str>,
    /// The parameters, an object or an array.
    pub params: Option<&'a RawValue>,
}

/// A response.
#[derive(Debug, Clone)]
pub struct Response<'a> {
    /// The id of the request it answers; absent only in an error about a request whose id could not be read.
    pub id: Option<RequestId>,
    /// The raw result object, or the raw error object.
    pub outcome: Result<&'a RawValue, &'a RawValue>,
}

/// A body or batch element that is no JSON-RPC message, and the id to answer with if one could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct InvalidMessage {
    /// The id of the refused request.
    pub id: Option<RequestId>,
    /// What is wrong with it: -32700 or -32600.
    pub error: ErrorObject,
}

/// Reads a body.
///
/// # Errors
/// [`InvalidMessage`] with -32700 if the body is not JSON, and with -32600 if it is no JSON-RPC message, an empty batch
/// or a batch of more than [`MAX_BATCH_MESSAGES`]. Invalid elements of a batch are reported one by one inside it.
pub fn parse(body: &[u8]) -> Result<Incoming<'_>, InvalidMessage> {
    let text = std::str::from_utf8(body).map_err(|_| not_json("the body is not UTF-8"))?;
    match text
        .trim_start_matches([' ', '\t', '\r', '\n'])
        .as_bytes()
        .first()
    {
        Some(b'{') => parse_object(text).map(Incoming::Single),
        Some(b'[') => parse_batch(text).map(Incoming::Batch),
        _ => match serde_json::from_str::<&RawValue>(text) {
            Ok(_) => Err(invalid(None, "the body is neither an object nor an array")),
            Err(error) => Err(not_json(error)),
        },
    }
}

/// Refuses JSON that nests deeper than `limit`, in one pass that needs no memory.
///
/// Skipping over raw values has no depth limit of its own, and whoever parses them later may recurse.
///
/// # Errors
/// An invalid request (-32600) if the text nests deeper.
pub fn max_depth(body: &[u8], limit: usize) -> Result<(), ErrorObject> {
    // Most messages do not have that many brackets altogether, and counting them is much quicker.
    if memchr::memchr2_iter(b'{', b'[', body).nth(limit).is_none() {
        return Ok(());
    }
    let mut depth = 0_usize;
    let mut rest = body;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return Err(ErrorObject::invalid_request(format_args!(
                        "the JSON nests deeper than {limit} levels"
                    )));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => rest = after_string(rest),
            _ => {}
        }
    }
    Ok(())
}

/// What follows the closing quote of the string whose opening quote was just passed.
fn after_string(mut rest: &[u8]) -> &[u8] {
    while let Some(place) = memchr::memchr2(b'"', b'\\', rest) {
        if rest[place] == b'"' {
            return &rest[place + 1..];
        }
        rest = rest.get(place + 2..).unwrap_or_default();
    }
    &[]
}

fn parse_object(text: &str) -> Result<Message<'_>, InvalidMessage> {
    let members: Members<'_> = serde_json::from_str(text).map_err(not_json)?;
    members.into_message()
}

fn parse_batch(text: &str) -> Result<Vec<Result<Message<'_>, InvalidMessage>>, InvalidMessage> {
    let elements: Vec<&RawValue> = serde_json::from_str(text).map_err(not_json)?;
    if elements.is_empty() {
        return Err(invalid(None, "the batch is empty"));
    }
    if elements.len() > MAX_BATCH_MESSAGES {
        return Err(invalid(
            None,
            format_args!("the batch has more than {MAX_BATCH_MESSAGES} messages"),
        ));
    }
    Ok(elements.into_iter().map(parse_element).collect())
}

fn parse_element(element: &RawValue) -> Result<Message<'_>, InvalidMessage> {
    if raw::is_object(element) {
        parse_object(element.get())
    } else {
        Err(invalid(None, "a batch element is not an object"))
    }
}

fn not_json(reason: impl fmt::Display) -> InvalidMessage {
    InvalidMessage {
        id: None,
        error: ErrorObject::parse_error(reason),
    }
}

fn invalid(id: Option<RequestId>, reason: impl fmt::Display) -> InvalidMessage {
    InvalidMessage {
        id,
        error: ErrorObject::invalid_request(reason),
    }
}

impl<'a> Message<'a> {
    /// The method of a request or notification.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        match self {
            Self::Request(request) => Some(&request.method),
            Self::Notification(notification) => Some(&notification.method),
            Self::Response(_) => None,
        }
    }

    /// The parameters of a request or notification.
    #[must_use]
    pub fn params(&self) -> Option<&'a RawValue> {
        match self {
            Self::Request(request) => request.params,
            Self::Notification(notification) => notification.params,
            Self::Response(_) => None,
        }
    }

    /// The id of a request or response.
    #[must_use]
    pub fn id(&self) -> Option<&RequestId> {
        match self {
            Self::Request(request) => Some(&request.id),
            Self::Notification(_) => None,
            Self::Response(response) => response.id.as_ref(),
        }
    }
}

impl fmt::Display for InvalidMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(formatter)
    }
}

impl std::error::Error for InvalidMessage {}

impl From<InvalidMessage> for ErrorObject {
    fn from(invalid: InvalidMessage) -> Self {
        invalid.error
    }
}

#[cfg(test)]
mod tests;
