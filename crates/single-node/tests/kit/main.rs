//! The kit against the coordinator of a single node, and against broken ones.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

mod biting;
mod broken;
mod conformance;
mod real_time;
