#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod library;
mod pin;
mod settings;

pub use library::{Entry, load};
pub use settings::{Validated, validate};
