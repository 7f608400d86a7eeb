//! Starts everything, measures it interleaved and writes the page.

mod gateway;
mod page;
mod series;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use http::Uri;
use tokio::signal::unix::{SignalKind, signal};

use self::series::{Series, Subject};
use crate::failure::{Failure, While as _};
use crate::load::{self, Era, Report};
use crate::machine::Machine;
use crate::process::{START_TIME, ServerProcess};

/// What is compared, and how thoroughly.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The gateway's program; without it only the baselines are measured.
    #[arg(long)]
    pub(crate) mcpg: Option<PathBuf>,
    /// Length of each measured window.
    #[arg(long, default_value_t = 3.0)]
    pub(crate) seconds: f64,
    /// How often everything is measured; the page shows medians.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// Numbers of connections, each with one call under way.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) connections: Vec<u32>,
    /// Worker threads of the bare proxy; 0 is one per core, as the gateway has.
    #[arg(long, default_value_t = 0)]
    pub(crate) proxy_workers: usize,
    /// The page to write; without it the page goes to standard output.
    #[arg(long)]
    pub(crate) output: Option<PathBuf>,
}

/// Compares until done, or until a signal asks to stop; either way every child is gone afterwards.
pub(crate) async fn run(options: &Options) -> Result<(), Failure> {
    let mut interrupt = listen_for(SignalKind::interrupt())?;
    let mut terminate = listen_for(SignalKind::terminate())?;
    tokio::select! {
        outcome = Box::pin(compare(options)) => outcome,
        _ = interrupt.recv() => Err(Failure::new("interrupted")),
        _ = terminate.recv() => Err(Failure::new("terminated")),
    }
}

fn listen_for(kind: SignalKind) -> Result<tokio::signal::unix::Signal, Failure> {
    signal(kind).attempting(|| format!("listening for signal {}", kind.as_raw_value()))
}

async fn compare(options: &Options) -> Result<(), Failure> {
    if let Some(folder) = options.output.as_deref().and_then(Path::parent) {
        // Minutes of measuring must not end at a folder that is missing.
        std::fs::create_dir_all(folder).attempting(|| format!("making {}", folder.display()))?;
    }
    let machine = Machine::describe();
    let servers = Servers::start(options).await?;
    let mut all_series = Series::all(&options.connections, servers.gateway.is_some());
    for round in 1..=options.rounds {
        for series in &mut all_series {
            let report = measure(options, servers.get(series.subject)?, series).await?;
            say(&format!(
                "round {round}/{}: {:?} {:?}, {} connections: {:.0} calls/s",
                options.rounds, series.subject, series.era, series.connections, report.throughput_per_sec
            ))?;
            series.reports.push(report);
        }
    }
    let text = page::write(options, &machine, &all_series)?;
    match &options.output {
        Some(path) => std::fs::write(path, text).attempting(|| format!("writing {}", path.display())),
        None => std::io::stdout()
            .write_all(text.as_bytes())
            .attempting(|| "printing the page".to_owned()),
    }
}

/// The processes under test.
struct Servers {
    upstream: ServerProcess,
    proxy: ServerProcess,
    gateway: Option<gateway::Gateway>,
}

impl Servers {
    async fn start(options: &Options) -> Result<Self, Failure> {
        let mut command = own_program()?;
        command.arg("echo");
        let upstream = ServerProcess::start("echo", command, "/echo").await?;
        let mut command = own_program()?;
        command.args(["proxy", "--target", &upstream.url().to_string()]);
        command.args(["--workers", &options.proxy_workers.to_string()]);
        let proxy = ServerProcess::start("proxy", command, "/echo").await?;
        let gateway = match &options.mcpg {
            Some(program) => Some(gateway::Gateway::start(program, upstream.url()).await?),
            None => None,
        };
        let servers = Self {
            upstream,
            proxy,
            gateway,
        };
        for subject in Subject::among(servers.gateway.is_some()) {
            for era in [Era::Modern, Era::Legacy] {
                let url = servers.get(subject)?.url();
                ready(url, era)
                    .await
                    .attempting(|| format!("calling through {subject:?} at {url} in the {era:?} era"))?;
            }
        }
        Ok(servers)
    }

    fn get(&self, subject: Subject) -> Result<&ServerProcess, Failure> {
        match (subject, &self.gateway) {
            (Subject::Direct, _) => Ok(&self.upstream),
            (Subject::Proxy, _) => Ok(&self.proxy),
            (Subject::Mcpg, Some(gateway)) => Ok(gateway.process()),
            (Subject::Mcpg, None) => Err(Failure::new("mcpg was not started")),
        }
    }
}

/// Calls until an answer is right: a gateway may still be reaching out to its upstream.
async fn ready(url: &Uri, era: Era) -> Result<(), Failure> {
    let deadline = tokio::time::Instant::now() + START_TIME;
    loop {
        let outcome = tokio::time::timeout_at(deadline, load::probe(url, era)).await;
        match outcome {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(failure)) if tokio::time::Instant::now() >= deadline => return Err(failure),
            Ok(Err(_)) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            Err(_) => return Err(Failure::new("no answer in time")),
        }
    }
}

async fn measure(options: &Options, server: &ServerProcess, series: &Series) -> Result<Report, Failure> {
    let mut command = own_program()?;
    command.args(["load", "--url", &server.url().to_string()]);
    command.args(["--era", series.era_argument()]);
    command.args(["--connections", &series.connections.to_string()]);
    command.args(["--seconds", &options.seconds.to_string()]);
    command.args(["--watch", &server.id().to_string()]);
    let output = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .output()
        .await
        .attempting(|| "running the load".to_owned())?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!(
            "the load on {:?} ({:?}, {} connections) failed: {}",
            series.subject,
            series.era,
            series.connections,
            errors.trim_end()
        )));
    }
    serde_json::from_slice(&output.stdout).attempting(|| "reading the load's report".to_owned())
}

fn own_program() -> Result<Command, Failure> {
    let program = std::env::current_exe().attempting(|| "finding this program".to_owned())?;
    Ok(Command::new(program))
}

fn say(line: &str) -> Result<(), Failure> {
    writeln!(std::io::stderr(), "{line}").attempting(|| "reporting progress".to_owned())
}
