//! The host with real libraries.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

mod configuration;
mod cost;
mod faults;
mod kit;
mod libraries;
mod loading;
mod log;
