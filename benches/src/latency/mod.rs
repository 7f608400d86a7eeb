//! Times what one replica tells another, beside what the backend between them takes.

mod backend;
mod client;
mod fleet;
mod http;
mod measures;
mod page;
mod samples;
mod upstream;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tokio::signal::unix::{SignalKind, signal};

use self::backend::RoundTrips;
use self::fleet::{Fleet, Plan};
use self::samples::Samples;
use self::upstream::Upstream;
use crate::failure::{Failure, While as _};
use crate::machine::Machine;

/// What is measured, and how often.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The gateway's program.
    #[arg(long)]
    pub(crate) mcpg: PathBuf,
    /// The library of the redis plugin.
    #[arg(long)]
    pub(crate) plugin: PathBuf,
    /// The redis server's program.
    #[arg(long, default_value = "redis-server")]
    pub(crate) redis: PathBuf,
    /// How often everything but take-overs is measured.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) samples: u32,
    /// How often an owner is killed.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) take_overs: u32,
    /// The page to write; without it the page goes to standard output.
    #[arg(long)]
    pub(crate) output: Option<PathBuf>,
}

/// Everything that was measured, in the order of the page.
#[derive(Debug)]
struct Measured {
    mcpg: String,
    redis: String,
    round_trips: RoundTrips,
    samples: Vec<Samples>,
}

/// Where delivery to another replica stands among the samples.
const ELSEWHERE: usize = 1;

impl Measured {
    fn delivery_elsewhere(&self) -> &Samples {
        &self.samples[ELSEWHERE]
    }
}

/// Measures until done, or until a signal asks to stop; either way every child is gone afterwards.
pub(crate) async fn run(options: &Options) -> Result<(), Failure> {
    let attempt = || "listening for signals".to_owned();
    let mut interrupt = signal(SignalKind::interrupt()).attempting(attempt)?;
    let mut terminate = signal(SignalKind::terminate()).attempting(attempt)?;
    tokio::select! {
        outcome = Box::pin(measure_and_write(options)) => outcome,
        _ = interrupt.recv() => Err(Failure::new("interrupted")),
        _ = terminate.recv() => Err(Failure::new("terminated")),
    }
}

async fn measure_and_write(options: &Options) -> Result<(), Failure> {
    let machine = Machine::describe();
    let measured = measure(options).await?;
    let text = page::write(options, &machine, &measured)?;
    match &options.output {
        Some(path) => std::fs::write(path, text).attempting(|| format!("writing {}", path.display())),
        None => std::io::stdout()
            .write_all(text.as_bytes())
            .attempting(|| "printing the page".to_owned()),
    }
}

async fn measure(options: &Options) -> Result<Measured, Failure> {
    let mut upstream = Upstream::start().await?;
    let plan = Plan {
        mcpg: options.mcpg.clone(),
        plugin: absolute(&options.plugin)?,
        upstream: upstream.url.clone(),
    };
    let mut fleet = Fleet::start(&options.redis, plan).await?;
    let count = options.samples as usize;
    let here = measures::delivery_here(&fleet, &mut upstream, count).await?;
    let elsewhere = measures::delivery_elsewhere(&fleet, &mut upstream, count).await?;
    let blocks = ["bench-1", "bench-2"].map(|node| fleet.redis().block(node, "backend:"));
    let round_trips = backend::measure(&options.plugin, [&blocks[0], &blocks[1]], count).await?;
    let levels = measures::levels(&fleet, &mut upstream, count).await?;
    let cancels = measures::cancels(&fleet, &mut upstream, count).await?;
    let resumes = measures::resumes(&fleet, &mut upstream, count).await?;
    let take_overs = options.take_overs as usize;
    let take_overs = measures::take_overs(&mut fleet, &mut upstream, take_overs).await?;
    Ok(Measured {
        mcpg: version(&options.mcpg),
        redis: version(&options.redis),
        round_trips,
        samples: vec![here, elsewhere, levels, cancels, resumes, take_overs],
    })
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    path.canonicalize()
        .attempting(|| format!("looking for {}", path.display()))
}

/// The first words of what a program says of its version.
fn version(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output();
    let text = output.map_or_else(
        |error| error.to_string(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    );
    text.split(" sha=").next().unwrap_or_default().to_owned()
}
