//! Why the program could not start.

/// Any error at start; the program only prints it.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;
