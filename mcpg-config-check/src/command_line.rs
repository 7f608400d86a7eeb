//! What can be said on the command line.

use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, ValueEnum};
use mcpg_config::Source;

/// Checks a configuration of mcpg without starting the gateway.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub(crate) struct CommandLine {
    /// A configuration file in YAML, or `-` for standard input. Several are layers of one configuration, later ones win.
    #[arg(value_name = "FILE", required_unless_present = "schema")]
    files: Vec<PathBuf>,
    /// Fills in `${env.NAME}` from the environment; a variable that is not set is a mistake then.
    #[arg(long)]
    pub(crate) env: bool,
    /// Opens the library of every entry of `plugins` and lets the coordinator's one check the `cluster` block, without
    /// connecting to anything. Implies --env.
    #[arg(long)]
    pub(crate) plugins: bool,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Prints the JSON Schema of the configuration and checks nothing.
    #[arg(long, conflicts_with_all = ["files", "env", "plugins", "format"])]
    pub(crate) schema: bool,
}

/// How the result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: a line for a valid configuration, a block for each mistake.
    Text,
    /// For programs: one JSON object on standard output.
    Json,
}

impl CommandLine {
    /// Reads the arguments of this process.
    ///
    /// # Errors
    /// What is wrong with them, or the help that they ask for.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let command_line = Self::try_parse()?;
        let on_input = |file: &&PathBuf| file.as_path() == Path::new("-");
        if command_line.files.iter().filter(on_input).count() > 1 {
            let message = "standard input (`-`) can be read only once";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, message));
        }
        Ok(command_line)
    }

    /// The layers of the configuration.
    pub(crate) fn sources(&self) -> Vec<Source> {
        self.files.iter().cloned().map(Source::from_argument).collect()
    }
}
