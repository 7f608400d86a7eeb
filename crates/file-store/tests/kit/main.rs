//! The store against the kit, and against the death of its process.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

mod conformance;
mod folder;
mod killed;
