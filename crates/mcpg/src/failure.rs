//! How the program ends when it cannot do what it was asked to.

use std::io::Write as _;
use std::process::ExitCode;

use mcpg_config::Report;
use mcpg_gateway::BootError;

/// Why the program ends.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    /// The exit code for a wrong command line and for files that cannot be read.
    pub(crate) const USAGE: u8 = 2;
    const INVALID: u8 = 1;

    /// The command line is wrong.
    pub(crate) fn usage(cause: &str, remedy: &str) -> Self {
        Self {
            code: Self::USAGE,
            text: sentences(cause, remedy),
        }
    }

    /// The gateway cannot start.
    pub(crate) fn boot(cause: &str, remedy: &str) -> Self {
        Self {
            code: Self::INVALID,
            text: sentences(cause, remedy),
        }
    }

    /// Says why on standard error.
    pub(crate) fn report(self) -> ExitCode {
        // Nothing can be done where even this cannot be written.
        let _ = writeln!(std::io::stderr().lock(), "{}", self.text);
        ExitCode::from(self.code)
    }
}

impl From<Report> for Failure {
    fn from(report: Report) -> Self {
        let code = if report.is_unreadable() {
            Self::USAGE
        } else {
            Self::INVALID
        };
        Self {
            code,
            text: report.to_string().trim_end().to_owned(),
        }
    }
}

impl From<BootError> for Failure {
    fn from(error: BootError) -> Self {
        Self::boot(error.cause(), error.remedy())
    }
}

fn sentences(cause: &str, remedy: &str) -> String {
    format!("mcpg: {cause}\n      {remedy}")
}
