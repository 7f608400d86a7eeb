//! A request on its way to an upstream.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use mcpg_mcp::id::RequestId;

use crate::exchange::Caller;

pub(super) struct Sending<'a> {
    pub(super) id: &'a RequestId,
    pub(super) method: &'a str,
    /// What the request is about, for a header of the modern era.
    pub(super) name: Option<&'a str>,
    pub(super) parameter_headers: &'a [(HeaderName, HeaderValue)],
    /// The whole message.
    pub(super) body: Bytes,
    /// Who hears about the call; nobody about requests of the gateway itself.
    pub(super) caller: Option<&'a Caller>,
}
