#![forbid(unsafe_code)]
#![doc = include_str!("README.md")]
#![allow(clippy::unwrap_used)]

mod edges;
mod fleet;
mod layering;
mod road;
mod schemas;
mod source_rules;
mod streams;
mod support;
