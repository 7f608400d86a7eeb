//! How a case ends.

use std::fmt;

use mcpg_cluster::{Error, ErrorKind, Result};

/// The end of a case.
pub type Outcome<T = ()> = std::result::Result<T, Failure>;

/// Why a coordinator did not pass a case.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    message: String,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

/// An error where the case expected none.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(format!("a call failed: {error}"))
    }
}

/// Fails the case with this message unless the condition holds.
pub(crate) fn ensure(condition: bool, message: impl Into<String>) -> Outcome {
    if condition {
        return Ok(());
    }
    Err(Failure::new(message))
}

/// Fails the case unless both are equal.
pub(crate) fn ensure_equal<T: PartialEq + fmt::Debug>(what: &str, found: &T, wanted: &T) -> Outcome {
    ensure(
        found == wanted,
        format!("{what} is {found:?} and should be {wanted:?}"),
    )
}

/// Fails the case unless the call failed with this kind.
pub(crate) fn ensure_refused<T: fmt::Debug>(what: &str, result: Result<T>, kind: ErrorKind) -> Outcome {
    match result {
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(Failure::new(format!(
            "{what} should fail as {kind} and failed with: {error}"
        ))),
        Ok(value) => Err(Failure::new(format!(
            "{what} should fail as {kind} and gave {value:?}"
        ))),
    }
}
