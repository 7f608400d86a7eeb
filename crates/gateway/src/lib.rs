#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod audit;
mod backends;
mod boot_error;
mod exchange;
mod frames;
mod gateway;
mod http;
mod inspector;
mod lines;
mod mint;
mod observe;
mod process_group;
mod router;
mod stdio;
mod upstream;

pub use audit::Audit;
pub use boot_error::BootError;
pub use gateway::{Gateway, Offered, Parts};
pub use inspector::{Inspector, UpstreamReport, UpstreamState};
pub use observe::CurrentRequest;
pub use stdio::PipeEnd;
