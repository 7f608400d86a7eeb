#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod compare;
mod echo;
mod failure;
mod latency;
mod listener;
mod load;
mod machine;
mod process;
mod process_cpu;
mod protocol;
mod proxy;
mod runtime;
mod statistics;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Failure;

/// The gateway allocates with it too: a baseline on another allocator would compare allocators.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures what a gateway costs beside a bare proxy and no proxy at all.
#[derive(Debug, Parser)]
#[command(version, about, args_override_self = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves an MCP upstream with one tool that gives its text back.
    Echo(echo::Options),
    /// Serves a bare reverse proxy, the measure for what forwarding costs at least.
    Proxy(proxy::Options),
    /// Calls a tool in a closed loop and prints one JSON report.
    Load(load::Options),
    /// Runs all of the above against each other and writes a markdown page.
    Compare(compare::Options),
    /// Times what replicas tell each other, and writes a markdown page.
    Latency(latency::Options),
}

fn main() -> ExitCode {
    let outcome = run(Arguments::parse().command);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing is left to be done when even standard error is closed.
            let _ = writeln!(std::io::stderr(), "mcpg-bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Echo(options) => runtime::build(options.workers)?.block_on(echo::run(&options)),
        Command::Proxy(options) => runtime::build(options.workers)?.block_on(proxy::run(&options)),
        Command::Load(options) => runtime::build(1)?.block_on(load::run(&options)),
        Command::Compare(options) => runtime::build(1)?.block_on(compare::run(&options)),
        Command::Latency(options) => runtime::build(1)?.block_on(latency::run(&options)),
    }
}
