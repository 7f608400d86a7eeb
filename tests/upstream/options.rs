//! Command line of the test upstream.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Which revisions of the protocol the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Era {
    /// Sessions and per-request negotiation on the same endpoint.
    Both,
    /// Revisions up to 2025-11-25 only.
    Legacy,
    /// Revision 2026-07-28 only.
    Modern,
}

/// MCP server with known behaviour, which counts everything it executes.
#[derive(Clone, Debug, Parser)]
#[command(name = "mcpg-test-upstream", version)]
pub(crate) struct Options {
    /// Port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// Address to listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(crate) bind: IpAddr,
    /// Name of this instance, as `whoami` and `/stats` return it.
    #[arg(long, default_value = "upstream")]
    pub(crate) name: String,
    /// Revisions of the protocol to speak.
    #[arg(long, value_enum, default_value_t = Era::Both)]
    pub(crate) era: Era,
    /// Serve legacy clients without a session id.
    #[arg(long)]
    pub(crate) stateless_legacy: bool,
    /// Items per page of every list; 0 returns everything at once.
    #[arg(long, default_value_t = 0)]
    pub(crate) page_size: usize,
    /// Speak over standard input and output instead of HTTP; statistics and control stay on HTTP.
    #[arg(long)]
    pub(crate) stdio: bool,
    /// Folder for the files `<process id>.address`, where statistics and control are, and `<process id>.calls`, a line for
    /// each call that began. They outlive the process.
    #[arg(long)]
    pub(crate) report: Option<PathBuf>,
    /// Go on when standard input ends, and when asked to terminate (stdio only).
    #[arg(long)]
    pub(crate) stubborn: bool,
    /// Answer with one JSON body where nothing has to be streamed (requests without a session only).
    #[arg(long)]
    pub(crate) json: bool,
}

impl Options {
    /// Tells whether clients of this server get a session.
    pub(crate) fn has_sessions(&self) -> bool {
        !self.stateless_legacy && self.era != Era::Modern
    }
}
