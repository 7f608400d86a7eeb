//! Decides, request by request, which era a client speaks.

mod pipe;

pub use pipe::{PipeDecision, decide_on_pipe};

use crate::envelope::{Message, Request};
use crate::error::ErrorObject;
use crate::header_value::single;
use crate::headers;
use crate::id::RequestId;
use crate::meta::{RawMeta, RequestMeta, requested_version};
use crate::params::Params;
use crate::version::ProtocolVersion;
use http::{HeaderMap, StatusCode};
use serde_json::value::RawValue;

/// The headers that bear on the era, as they were sent.
#[derive(Debug, Clone, Copy, Default)]
pub struct EraHeaders<'h> {
    /// `MCP-Protocol-Version`
    pub version: Option<&'h str>,
    /// `Mcp-Session-Id`
    pub session_id: Option<&'h str>,
}

/// How to serve one message of a POST.
#[derive(Debug, Clone)]
pub enum Decision<'a> {
    /// A modern request, to be served without any session, even if it names one.
    Modern {
        /// Its metadata, checked against the version header.
        meta: RequestMeta<'a>,
        /// Its parameters.
        params: Params<'a>,
    },
    /// A modern notification; the answer is 202.
    ModernNotification {
        /// Its parameters.
        params: Params<'a>,
    },
    /// A legacy `initialize`, which opens a session.
    Initialize {
        /// Its parameters.
        params: Params<'a>,
    },
    /// Any other legacy message.
    Legacy {
        /// Which session and version it claims.
        session: LegacySession<'a>,
        /// Its parameters.
        params: Params<'a>,
    },
}

/// What a legacy request says about its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LegacySession<'a> {
    /// The session id; without one a server with sessions answers 400.
    pub session_id: Option<&'a str>,
    /// The version header. Without it the version negotiated in the session holds, and without a session
    /// [`ProtocolVersion::ASSUMED`].
    pub version: Option<ProtocolVersion>,
}

/// A refused request: the HTTP status, and the JSON-RPC error of its body.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    /// The HTTP status.
    pub status: StatusCode,
    /// The id of the refused request.
    pub id: Option<RequestId>,
    /// What is wrong.
    pub error: ErrorObject,
}

/// The era a version header alone stands for.
enum HeaderVersion<'h> {
    Absent,
    Legacy(ProtocolVersion),
    Modern,
    Unknown(&'h str),
}

impl<'h> EraHeaders<'h> {
    /// Picks the headers out of a request.
    ///
    /// # Errors
    /// 400 if one of them occurs twice or holds invalid characters.
    pub fn read(headers: &'h HeaderMap) -> Result<Self, Rejection> {
        let read = |name| {
            single(headers, name)
                .map_err(|problem| Rejection::bad_request(None, headers::malformed(name, problem)))
        };
        Ok(Self {
            version: read(&headers::PROTOCOL_VERSION)?,
            session_id: read(&headers::SESSION_ID)?,
        })
    }

    fn header_version(&self) -> HeaderVersion<'h> {
        match self.version {
            None => HeaderVersion::Absent,
            Some(text) => match text.parse::<ProtocolVersion>() {
                Ok(version) if version.is_legacy() => HeaderVersion::Legacy(version),
                Ok(_) => HeaderVersion::Modern,
                Err(_) => HeaderVersion::Unknown(text),
            },
        }
    }

    fn legacy_session(&self, version: Option<ProtocolVersion>) -> LegacySession<'h> {
        LegacySession {
            session_id: self.session_id,
            version,
        }
    }
}

/// Decides the era of a message that came alone in its POST.
///
/// Modern metadata in the body makes a request modern, whatever session it names. Without it the version header
/// decides; `initialize` and messages without a version are legacy.
///
/// # Errors
/// A [`Rejection`] with status 400 if headers and body contradict each other, the version is not served, required
/// metadata is missing, or the kind of message does not exist in its era.
pub fn decide<'a>(headers: &EraHeaders<'a>, message: &Message<'a>) -> Result<Decision<'a>, Rejection> {
    let refuse = |error| Rejection::bad_request(message_id(message), error);
    let params = Params::parse(message.params()).map_err(refuse)?;
    let meta = RawMeta::parse(params.meta);
    match message {
        Message::Request(request) => decide_request(headers, request, params, meta),
        Message::Notification(_) => {
            let stated = meta.is_some_and(|meta| meta.version.is_some());
            match headers.header_version() {
                HeaderVersion::Modern => Ok(Decision::ModernNotification { params }),
                HeaderVersion::Absent if stated => Ok(Decision::ModernNotification { params }),
                _ => legacy(headers, params).map_err(refuse),
            }
        }
        Message::Response(_) => match headers.header_version() {
            HeaderVersion::Modern => Err(refuse(no_responses())),
            _ => legacy(headers, params).map_err(refuse),
        },
    }
}

/// Decides about a POST that carries a batch, which only revision 2025-03-26 allows.
///
/// When the answer holds no version, the caller compares the version of the session with
/// [`ProtocolVersion::allows_batches`].
///
/// # Errors
/// A [`Rejection`] with status 400 for every other version.
pub fn decide_batch<'h>(headers: &EraHeaders<'h>) -> Result<LegacySession<'h>, Rejection> {
    match headers.header_version() {
        HeaderVersion::Absent => Ok(headers.legacy_session(None)),
        HeaderVersion::Legacy(version) if version.allows_batches() => {
            Ok(headers.legacy_session(Some(version)))
        }
        _ => Err(Rejection::bad_request(None, no_batches())),
    }
}

/// Decides about a GET or DELETE, which only the legacy era has.
///
/// # Errors
/// A [`Rejection`] with status 405 if the request states a modern version, and with 400 if it states an unknown one.
pub fn decide_without_body<'h>(headers: &EraHeaders<'h>) -> Result<LegacySession<'h>, Rejection> {
    match headers.header_version() {
        HeaderVersion::Absent => Ok(headers.legacy_session(None)),
        HeaderVersion::Legacy(version) => Ok(headers.legacy_session(Some(version))),
        HeaderVersion::Modern => Err(Rejection {
            status: StatusCode::METHOD_NOT_ALLOWED,
            id: None,
            error: ErrorObject::invalid_request("this protocol version has only POST"),
        }),
        HeaderVersion::Unknown(text) => Err(Rejection::bad_request(None, unknown_legacy(text))),
    }
}

/// The error for a batch in a revision without batches.
#[must_use]
pub fn no_batches() -> ErrorObject {
    ErrorObject::invalid_request("this protocol version has no batches")
}

fn decide_request<'a>(
    headers: &EraHeaders<'a>,
    request: &Request<'a>,
    params: Params<'a>,
    meta: Option<RawMeta<'a>>,
) -> Result<Decision<'a>, Rejection> {
    let refuse = |error| Rejection::bad_request(Some(request.id.clone()), error);
    let version = headers.header_version();
    if let Some(meta) = meta.filter(|meta| is_modern(&request.method, meta, headers, &version)) {
        let meta = check_modern(headers, &meta).map_err(refuse)?;
        return Ok(Decision::Modern { meta, params });
    }
    if request.method == "initialize" {
        // The header has no say here: this request negotiates the version, and clients may already send a guess.
        return Ok(Decision::Initialize { params });
    }
    match version {
        HeaderVersion::Modern => Err(refuse(missing_meta(params.meta))),
        HeaderVersion::Unknown(text) if headers.session_id.is_none() => Err(refuse(
            ErrorObject::unsupported_version(ProtocolVersion::ALL, text),
        )),
        _ => legacy(headers, params).map_err(refuse),
    }
}

/// Capabilities without a version are modern metadata with a hole, unless the request is plainly part of a session.
fn is_modern(
    method: &str,
    meta: &RawMeta<'_>,
    headers: &EraHeaders<'_>,
    version: &HeaderVersion<'_>,
) -> bool {
    match version {
        _ if meta.version.is_some() => true,
        HeaderVersion::Modern => meta.looks_modern() || method != "initialize",
        HeaderVersion::Legacy(_) => false,
        HeaderVersion::Absent | HeaderVersion::Unknown(_) => {
            meta.looks_modern() && headers.session_id.is_none()
        }
    }
}

fn check_modern<'a>(headers: &EraHeaders<'a>, meta: &RawMeta<'a>) -> Result<RequestMeta<'a>, ErrorObject> {
    let requested = requested_version(meta)?;
    match headers.version {
        None => return Err(headers::missing(&headers::PROTOCOL_VERSION)),
        Some(header) if header != requested => {
            return Err(headers::differs(&headers::PROTOCOL_VERSION, header, &requested));
        }
        Some(_) => {}
    }
    meta.check(served_modern(&requested)?)
}

/// The modern revision that a request asks for.
fn served_modern(requested: &str) -> Result<ProtocolVersion, ErrorObject> {
    match requested.parse::<ProtocolVersion>() {
        Ok(version) if version.is_modern() => Ok(version),
        // A legacy revision is served, but only in a session: listing it would invite the same request again.
        Ok(_) => Err(ErrorObject::unsupported_version(
            ProtocolVersion::MODERN,
            requested,
        )),
        Err(_) => Err(ErrorObject::unsupported_version(ProtocolVersion::ALL, requested)),
    }
}

fn legacy<'a>(headers: &EraHeaders<'a>, params: Params<'a>) -> Result<Decision<'a>, ErrorObject> {
    let version = match headers.header_version() {
        HeaderVersion::Absent => None,
        HeaderVersion::Legacy(version) => Some(version),
        HeaderVersion::Modern => return Err(missing_meta(params.meta)),
        HeaderVersion::Unknown(text) => return Err(unknown_legacy(text)),
    };
    Ok(Decision::Legacy {
        session: headers.legacy_session(version),
        params,
    })
}

fn missing_meta(meta: Option<&RawValue>) -> ErrorObject {
    ErrorObject::invalid_params(if meta.is_some() {
        "_meta must be an object"
    } else {
        "_meta is missing"
    })
}

fn unknown_legacy(version: &str) -> ErrorObject {
    ErrorObject::unsupported_legacy_version(ProtocolVersion::ALL, version)
}

fn no_responses() -> ErrorObject {
    ErrorObject::invalid_request("clients of this protocol version send no responses")
}

/// Only a request is answered with its id: a response with that id would be taken for the answer to another request.
fn message_id(message: &Message<'_>) -> Option<RequestId> {
    match message {
        Message::Request(request) => Some(request.id.clone()),
        Message::Notification(_) | Message::Response(_) => None,
    }
}

impl Rejection {
    /// Refuses with status 400.
    #[must_use]
    pub fn bad_request(id: Option<RequestId>, error: ErrorObject) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            id,
            error,
        }
    }

    /// The JSON-RPC error response for the body.
    #[must_use]
    pub fn body(&self) -> bytes::Bytes {
        crate::write::error(self.id.as_ref(), &self.error)
    }
}

#[cfg(test)]
mod tests;
