//! The kit against the coordinator of a single node, and against broken ones.
#![allow(clippy::unwrap_used)]

mod biting;
mod broken;
mod conformance;
mod real_time;
