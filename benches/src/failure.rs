//! The one error of this binary: a sentence for the person who started it.

use std::fmt::{self, Display};

/// Says what was tried and why it did not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    message: String,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

impl Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Names what was tried when a foreign error turns up.
pub(crate) trait While<T> {
    /// Turns the error into a [`Failure`] that begins with `attempt`.
    fn attempting(self, attempt: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: std::error::Error> While<T> for Result<T, E> {
    fn attempting(self, attempt: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| {
            let mut message = format!("{}: {error}", attempt());
            let mut source = error.source();
            while let Some(cause) = source {
                message.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            Failure { message }
        })
    }
}
