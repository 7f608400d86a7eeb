#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod content;
pub mod envelope;
pub mod era;
pub mod error;
pub mod headers;
pub mod id;
pub mod initialize;
pub mod meta;
pub mod object;
pub mod param_headers;
pub mod params;
pub mod results;
pub mod sse;
pub mod trace_context;
pub mod uri_template;
pub mod version;
pub mod write;

mod header_value;
mod raw;

pub use envelope::{Incoming, InvalidMessage, Message, Notification, Request, Response, parse};
pub use error::ErrorObject;
pub use id::RequestId;
pub use object::Object;
pub use version::{Era, ProtocolVersion};
