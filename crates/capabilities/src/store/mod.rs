//! Records in the coordinator: how they are written so that nobody ever guesses what happened to a write.

mod formats;
mod nonces;
mod record;
mod step_error;
mod unique;
mod writer;

pub use formats::Formats;
pub use nonces::{Nonce, Nonces};
pub use record::{Fields, Format, FormatError, Record};
pub use step_error::StepError;
pub use writer::{Stored, WriteError, Writer};

#[cfg(test)]
mod tests;
