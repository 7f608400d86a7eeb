//! What the gateway tells of itself: what it counts, and which request a line of the log belongs to.

mod meter;
mod scope;
mod streams;
mod upstream_meter;

pub(crate) use meter::{CancelCause, Ending, Meter, Meters};
pub use scope::CurrentRequest;
pub(crate) use scope::{CallTrace, Scopes, add_trace_to, carried};
pub(crate) use streams::{Closed, Found, OpenStream};
pub(crate) use upstream_meter::{UpstreamMeter, UpstreamOutcome};
