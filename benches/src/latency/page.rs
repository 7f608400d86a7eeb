//! Turns everything that was measured into one markdown page.

use std::fmt::Write as _;

use super::backend::RoundTrips;
use super::measures::TAKE_OVER_WAITS_FOR;
use super::samples::Samples;
use super::{Measured, Options};
use crate::failure::{Failure, While as _};
use crate::machine::Machine;

/// What delivery to another replica may cost, in sums of what the backend must do for it.
const AIM: f64 = 2.0;

/// Returns the whole page.
pub(super) fn write(options: &Options, machine: &Machine, measured: &Measured) -> Result<String, Failure> {
    let mut page = String::new();
    write_all(&mut page, options, machine, measured).attempting(|| "writing the page".to_owned())?;
    Ok(page)
}

fn write_all(
    page: &mut String,
    options: &Options,
    machine: &Machine,
    measured: &Measured,
) -> std::fmt::Result {
    writeln!(page, "# Latency between replicas\n")?;
    writeln!(
        page,
        "`benches/latency` writes this page; edits by hand are lost.\n"
    )?;
    conditions(page, options, machine, measured)?;
    let trips = &measured.round_trips;
    writeln!(page, "\n## The backend alone\n")?;
    writeln!(
        page,
        "Through the plugin that the replicas use, from the measuring process, one operation at a time.\n"
    )?;
    writeln!(
        page,
        "| operation | samples | p50 µs | p99 µs |\n|---|--:|--:|--:|"
    )?;
    for samples in [&trips.get, &trips.log_write, &trips.mail_write, &trips.message] {
        writeln!(
            page,
            "| {} | {} | {} | {} |",
            samples.what,
            samples.count(),
            samples.percentile(50.0),
            samples.percentile(99.0)
        )?;
    }
    writeln!(page, "\n## Three replicas\n")?;
    writeln!(
        page,
        "The last two columns divide the p50 by that of the backend's log write and of its publish until received."
    )?;
    writeln!(
        page,
        "\n| from, to | samples | p50 µs | p99 µs | log writes | messages |\n|---|--:|--:|--:|--:|--:|"
    )?;
    for samples in &measured.samples {
        row(page, samples, trips)?;
    }
    verdict(page, measured)
}

fn conditions(
    page: &mut String,
    options: &Options,
    machine: &Machine,
    measured: &Measured,
) -> std::fmt::Result {
    writeln!(page, "| | |\n|---|---|")?;
    writeln!(page, "| date | {} |", machine.date)?;
    writeln!(page, "| commit | {} |", machine.commit)?;
    writeln!(page, "| mcpg | {} |", measured.mcpg)?;
    writeln!(page, "| backend | {}, nothing on disk |", measured.redis)?;
    writeln!(
        page,
        "| processor | {}, {} cores |",
        machine.processor, machine.cores
    )?;
    writeln!(page, "| load average before the run | {} |", machine.load_average)?;
    writeln!(
        page,
        "| repeat with | `benches/latency --samples {} --take-overs {}` |\n",
        options.samples, options.take_overs
    )?;
    writeln!(
        page,
        "Three replicas, the redis server, the client and the upstream share {} cores. Client and upstream are one\n\
         process, so one clock times both ends, and one thing is under way at a time. The lease of a replica lives for\n\
         {} s here; a dead owner is known as such when its lease is gone.",
        machine.cores,
        TAKE_OVER_WAITS_FOR.as_secs()
    )
}

fn row(page: &mut String, samples: &Samples, trips: &RoundTrips) -> std::fmt::Result {
    let median = samples.percentile(50.0);
    writeln!(
        page,
        "| {} | {} | {} | {} | {:.1} | {:.1} |",
        samples.what,
        samples.count(),
        median,
        samples.percentile(99.0),
        ratio(median, trips.log_write.percentile(50.0)),
        ratio(median, trips.message.percentile(50.0))
    )
}

/// How delivery compares with the sum of what cannot be left out.
fn verdict(page: &mut String, measured: &Measured) -> std::fmt::Result {
    let trips = &measured.round_trips;
    let sum = [&trips.log_write, &trips.mail_write, &trips.message]
        .map(|samples| samples.percentile(50.0))
        .iter()
        .sum();
    let delivered = measured.delivery_elsewhere().percentile(50.0);
    let times = ratio(delivered, sum);
    let kept = if times <= AIM { "kept" } else { "missed" };
    writeln!(
        page,
        "\nDelivery to another replica cannot take less than log write, mailbox write and message: {sum} µs here. Its p50\n\
         is {times:.2} times that; the aim of at most {AIM:.0} times is {kept}."
    )
}

fn ratio(value: u64, unit: u64) -> f64 {
    value as f64 / unit.max(1) as f64
}
