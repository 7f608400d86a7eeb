#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod mac;
pub mod sessions;
pub mod store;

mod random;
