#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod clock;
mod error;
mod jobs;
mod key_value;
mod layout;
mod lock;
mod shared;
mod store;
mod tables;
mod writer;

pub use error::OpenError;
pub use store::{FileStore, LARGEST_VALUE_BYTES, MIN_TTL};
