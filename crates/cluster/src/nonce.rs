//! Nonces: by them a write of unknown outcome is recognised afterwards.

use std::fmt;

use crate::{Error, ErrorKind, Result};

/// A random number that marks one attempt to change something.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce(u128);

impl Nonce {
    /// Draws a fresh nonce from the operating system.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when the operating system has no randomness to give.
    pub fn random() -> Result<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| {
            Error::new(ErrorKind::Internal, "no randomness for a nonce")
                .with_context("cause", error.to_string())
        })?;
        Ok(Self(u128::from_be_bytes(bytes)))
    }

    /// Builds a nonce from a number that was stored before.
    pub fn from_u128(number: u128) -> Self {
        Self(number)
    }

    /// The number, to be stored with the write.
    pub fn as_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Nonce({self})")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn two_draws_differ_and_a_number_comes_back() {
        let first = Nonce::random().unwrap();
        assert_ne!(first, Nonce::random().unwrap());
        assert_eq!(Nonce::from_u128(first.as_u128()), first);
        assert_eq!(Nonce::from_u128(10).to_string(), format!("{:0>32}", "a"));
    }
}
