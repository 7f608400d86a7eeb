//! What can be said on the command line.

use std::path::PathBuf;

use clap::Parser;
use mcpg_config::{Environment, Source};

use crate::failure::Failure;

/// A gateway for the Model Context Protocol: clients reach many MCP servers at one URL.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub(crate) struct CommandLine {
    /// A configuration file in YAML, or `-` for standard input. Given several times: layers of one configuration,
    /// later ones win. Without it the environment variable MCPG_CONFIG names the files, with colons between them.
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,
}

impl CommandLine {
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
                "pass --config FILE or set MCPG_CONFIG; examples/quickstart.yaml is one to begin with",
            ));
        }
        Ok(sources)
    }
}
