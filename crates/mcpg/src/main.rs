#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod admin;
mod banner;
mod boot;
mod capabilities;
mod command_line;
mod commands;
mod coordinator;
mod failure;
mod logging;
mod member;
mod metrics;
mod pipe;
mod places;
mod readiness;
mod signals;
mod status;
mod stop;

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use command_line::CommandLine;
use failure::Failure;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let outcome = match CommandLine::try_parse() {
        Ok(CommandLine {
            command: Some(command),
            ..
        }) => commands::run(&command),
        Ok(CommandLine { run, .. }) => boot::run(&run),
        Err(error) => return usage(&error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Help and version are no mistakes; everything else on the command line is.
fn usage(error: &clap::Error) -> ExitCode {
    // Nothing can be done where even this cannot be written.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(Failure::USAGE),
    }
}
