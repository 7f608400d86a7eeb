//! Records in the coordinator: how they are written so that nobody ever guesses what happened to a write.

mod nonces;
mod record;
mod writer;

pub use nonces::{Nonce, Nonces};
pub use record::{Fields, Format, FormatError, Record};
pub use writer::{Stored, WriteError, Writer};

#[cfg(test)]
mod tests;
