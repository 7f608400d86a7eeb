//! A closed-loop load: every connection sends its next call when the last answer has been checked.

mod connection;
mod message;
mod report;
mod session;
mod window;

use std::io::Write as _;
use std::time::Duration;

use http::Uri;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

pub(crate) use self::message::Era;
pub(crate) use self::report::Report;
use self::session::Session;
use self::window::{Samples, Window};
use crate::failure::{Failure, While as _};

/// How long an answer may be late before the run counts as failed.
const GRACE: Duration = Duration::from_secs(10);

/// What is called, how, and for how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The endpoint, such as `http://127.0.0.1:4000/mcp`.
    #[arg(long)]
    pub(crate) url: Uri,
    /// What is sent: tools/call without a session, tools/call in a session, or plain bytes to `/raw`.
    #[arg(long, value_enum, default_value = "modern")]
    pub(crate) era: Era,
    /// Keep-alive connections, each with one call under way.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) connections: u32,
    /// Length of the measured window.
    #[arg(long, default_value_t = 3.0)]
    pub(crate) seconds: f64,
    /// Length of the same load before the window opens.
    #[arg(long, default_value_t = 500)]
    pub(crate) warmup_ms: u64,
    /// A process whose CPU time over the window is reported too.
    #[arg(long)]
    pub(crate) watch: Option<u32>,
}

/// Runs the load, prints its report as JSON and fails when any answer was not the expected one.
pub(crate) async fn run(options: &Options) -> Result<(), Failure> {
    let report = measure(options).await?;
    let json = serde_json::to_string(&report).attempting(|| "writing the report".to_owned())?;
    writeln!(std::io::stdout(), "{json}").attempting(|| "printing the report".to_owned())?;
    match report.first_error {
        None => Ok(()),
        Some(error) => Err(Failure::new(format!(
            "{} of {} connections failed, the first with: {error}",
            report.errors, options.connections
        ))),
    }
}

/// Opens one session, makes one call and closes the session again.
pub(crate) async fn probe(url: &Uri, era: Era) -> Result<(), Failure> {
    let mut session = Session::open(url, era, 0).await?;
    session.call().await?;
    session.close().await
}

async fn measure(options: &Options) -> Result<Report, Failure> {
    let sessions = open_sessions(options).await?;
    let window = Window::after(
        Duration::from_millis(options.warmup_ms),
        Duration::try_from_secs_f64(options.seconds)
            .attempting(|| format!("--seconds {}", options.seconds))?,
    );
    let mut callers = JoinSet::new();
    for session in sessions {
        callers.spawn(call_until_closed(session, window));
    }
    let cpu = window.cpu(options.watch).await?;
    let mut outcomes = Vec::with_capacity(callers.len());
    while let Some(outcome) = callers.join_next().await {
        outcomes.push(outcome.attempting(|| "running one connection".to_owned())?);
    }
    Ok(Report::new(options, window, &cpu, outcomes))
}

async fn open_sessions(options: &Options) -> Result<Vec<Session>, Failure> {
    let mut openings = JoinSet::new();
    for number in 0..options.connections {
        let url = options.url.clone();
        let era = options.era;
        openings.spawn(async move { Session::open(&url, era, number).await });
    }
    let mut sessions = Vec::with_capacity(openings.len());
    let deadline = Instant::now() + GRACE;
    while let Some(opened) = timeout_at(deadline, openings.join_next())
        .await
        .attempting(|| format!("opening {} connections", options.connections))?
    {
        sessions.push(opened.attempting(|| "opening a connection".to_owned())??);
    }
    Ok(sessions)
}

async fn call_until_closed(mut session: Session, window: Window) -> Samples {
    let mut samples = Samples::default();
    let deadline = window.end() + GRACE;
    let outcome = timeout_at(deadline, async {
        while Instant::now() < window.end() {
            let sent = Instant::now();
            session.call().await?;
            samples.record(window, sent, Instant::now());
        }
        // A gateway would otherwise carry the sessions of one run through all the later ones.
        session.close().await
    })
    .await;
    samples.error = match outcome {
        Ok(Ok(())) => None,
        Ok(Err(failure)) => Some(failure),
        Err(_) => Some(Failure::new(format!("no answer within {} s", GRACE.as_secs()))),
    };
    samples
}
