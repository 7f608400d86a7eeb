#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod exchange;
pub mod mint;
pub mod upstream;

mod backends;
mod boot_error;
mod gateway;
mod http;
mod router;

pub use boot_error::BootError;
pub use gateway::{Gateway, Offered, Parts};
