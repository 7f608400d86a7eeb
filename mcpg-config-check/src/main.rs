#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod check;
mod command_line;
mod output;
mod plugins;
mod summary;

use std::io::Write as _;
use std::process::ExitCode;

use clap::error::ErrorKind;

use command_line::{CommandLine, Format};
use output::Failed;

/// The command line is wrong, or something cannot be read or written.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let command_line = match CommandLine::read() {
        Ok(command_line) => command_line,
        Err(error) => return usage(&error),
    };
    match run(&command_line) {
        Ok(code) => code,
        Err(failed) => {
            // Nothing can be done where even this cannot be written.
            let _ = writeln!(std::io::stderr().lock(), "mcpg-config-check: {failed}");
            ExitCode::from(USAGE)
        }
    }
}

fn run(command_line: &CommandLine) -> Result<ExitCode, Failed> {
    if command_line.schema {
        output::schema()?;
        return Ok(ExitCode::SUCCESS);
    }
    let sources = command_line.sources();
    let outcome = if command_line.plugins {
        check::with_plugins(&sources)?
    } else if command_line.env {
        check::with_environment(&sources)
    } else {
        check::alone(&sources)
    };
    match command_line.format {
        Format::Text => output::text(&outcome)?,
        Format::Json => output::json(&outcome)?,
    }
    Ok(if outcome.is_unreadable() {
        ExitCode::from(USAGE)
    } else if outcome.is_valid() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Help and version are no mistakes; everything else on the command line is.
fn usage(error: &clap::Error) -> ExitCode {
    // Nothing can be done where even this cannot be written.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(USAGE),
    }
}
