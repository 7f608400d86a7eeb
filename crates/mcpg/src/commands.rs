//! What the program can do besides being a gateway: one file per command.

mod cluster;
mod config;
mod key;

use crate::command_line::{Cluster, Command, Config, Key};
use crate::failure::Failure;

/// Does what was asked for.
///
/// # Errors
/// Why it could not be done.
pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Cluster(Cluster::Status(arguments)) => cluster::status(arguments),
        Command::Config(Config::Init { file, force }) => config::init(file.as_deref(), *force),
        Command::Key(Key::New { name }) => key::new(name),
    }
}

/// Writes a command's result to standard output.
fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    writeln!(std::io::stdout().lock(), "{text}").map_err(|error| {
        Failure::boot(
            &format!("standard output cannot be written: {error}"),
            "check where it leads to",
        )
    })
}
