//! End-to-end tests: real processes, real sockets, official clients.
//!
//! One binary for all of them. `road` holds what one gateway on one node promises, `layering` what
//! the crates may know of each other, and `support` starts and stops what the tests need.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

mod layering;
mod road;
mod support;
