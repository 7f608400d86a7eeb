//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use mcpg_config::app::ApiKey;
use mcpg_config::{Environment, Source};

use crate::failure::Failure;

/// A gateway for the Model Context Protocol: clients reach many MCP servers at one URL.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, args_conflicts_with_subcommands = true)]
pub(crate) struct CommandLine {
    /// Without a command the gateway runs.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: Run,
}

/// How the gateway itself runs.
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Serves the client that started the program over standard input and output instead of listening for HTTP, as
    /// `gateway.server.transport: stdio` does. Nothing but protocol messages goes to standard output.
    #[arg(long)]
    pub(crate) stdio: bool,
}

/// Where the configuration is.
#[derive(Debug, Args)]
pub(crate) struct Files {
    /// A configuration file in YAML, or `-` for standard input. Given several times: layers of one configuration,
    /// later ones win. Without it the environment variable MCPG_CONFIG names the files, with colons between them.
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,
}

/// What the program can do besides being a gateway.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The replicas that are one server together.
    #[command(subcommand)]
    Cluster(Cluster),
    /// The configuration file.
    #[command(subcommand)]
    Config(Config),
    /// Keys that clients identify themselves with.
    #[command(subcommand)]
    Key(Key),
}

/// What can be done with a fleet.
#[derive(Debug, Subcommand)]
pub(crate) enum Cluster {
    /// Shows the replicas, their leases, views and upstreams, and the coordinator, as any replica tells them.
    Status(ClusterStatus),
}

/// How the state of a fleet is asked for.
#[derive(Debug, Args)]
pub(crate) struct ClusterStatus {
    /// The configuration whose gateway.admin.bind_address names the listener for operators.
    #[command(flatten)]
    pub(crate) files: Files,
    /// The listener for operators of any replica, as http://HOST:PORT; no configuration is read then.
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    pub(crate) admin: Option<String>,
    /// Writes what the replica says as JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
    /// How long to wait for the answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: u64,
}

/// What can be done with a configuration file.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Writes a configuration to start from, with remarks and examples.
    Init {
        /// The file to write. Without it the configuration goes to standard output.
        file: Option<PathBuf>,
        /// Overwrites a file that exists.
        #[arg(long, requires = "file")]
        force: bool,
    },
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Makes a fresh key: it is shown once, and only its SHA-256 belongs into the configuration.
    New {
        /// What the configuration calls the holder of the key.
        #[arg(long, default_value = "client", value_parser = key_name)]
        name: String,
    },
}

fn key_name(text: &str) -> Result<String, String> {
    if ApiKey::is_name(text) {
        Ok(text.to_owned())
    } else {
        Err(format!("a name has {}", ApiKey::NAMES))
    }
}

impl Files {
    /// The layers of the configuration.
    pub(crate) fn sources(&self, environment: &Environment) -> Result<Vec<Source>, Failure> {
        let sources: Vec<Source> = if self.config.is_empty() {
            environment
                .get("MCPG_CONFIG")
                .map(Source::from_list)
                .unwrap_or_default()
        } else {
            self.config.iter().cloned().map(Source::from_argument).collect()
        };
        if sources.is_empty() {
            return Err(Failure::usage(
                "there is no configuration",
                "pass --config FILE or set MCPG_CONFIG; `mcpg config init FILE` writes one to begin with",
            ));
        }
        Ok(sources)
    }
}
