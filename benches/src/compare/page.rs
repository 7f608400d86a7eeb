//! Turns all reports into one markdown page.

use std::fmt::Write as _;

use super::Options;
use super::series::{Series, Subject};
use crate::failure::{Failure, While as _};
use crate::load::{Era, Report};
use crate::machine::Machine;
use crate::protocol::{LEGACY_REVISION, MODERN_REVISION};
use crate::statistics::median;

/// Returns the whole page.
pub(crate) fn write(options: &Options, machine: &Machine, all_series: &[Series]) -> Result<String, Failure> {
    let mut page = String::new();
    write_all(&mut page, options, machine, all_series).attempting(|| "writing the page".to_owned())?;
    Ok(page)
}

fn write_all(
    page: &mut String,
    options: &Options,
    machine: &Machine,
    all_series: &[Series],
) -> std::fmt::Result {
    writeln!(page, "# Performance\n")?;
    writeln!(page, "`benches/run` writes this page; edits by hand are lost.\n")?;
    write_conditions(page, options, machine)?;
    write_explanation(page, machine, all_series)?;
    for (era, title) in [
        (
            Era::Modern,
            format!("Modern era ({MODERN_REVISION}, no sessions)"),
        ),
        (
            Era::Legacy,
            format!("Legacy era ({LEGACY_REVISION}, one session per connection)"),
        ),
    ] {
        writeln!(page, "\n## {title}\n")?;
        write_table(page, era, all_series)?;
    }
    Ok(())
}

fn write_conditions(page: &mut String, options: &Options, machine: &Machine) -> std::fmt::Result {
    let connections: Vec<_> = options.connections.iter().map(u32::to_string).collect();
    let connections = connections.join(",");
    writeln!(page, "| | |\n|---|---|")?;
    writeln!(page, "| date | {} |", machine.date)?;
    writeln!(page, "| commit | {} |", machine.commit)?;
    writeln!(
        page,
        "| processor | {}, {} cores |",
        machine.processor, machine.cores
    )?;
    writeln!(page, "| load average before the run | {} |", machine.load_average)?;
    writeln!(
        page,
        "| repeat with | `benches/run --seconds {} --rounds {} --connections {connections} --proxy-workers {}` |\n",
        options.seconds, options.rounds, options.proxy_workers
    )
}

fn write_explanation(page: &mut String, machine: &Machine, all_series: &[Series]) -> std::fmt::Result {
    writeln!(
        page,
        "Load, upstream and the process under test share the same {} cores, so these numbers compare the rows with\n\
         each other and say little about what a machine of its own would reach. Every connection calls the tool `echo`\n\
         as soon as its last answer has been checked. All figures are medians over the rounds; parentheses hold the\n\
         lowest and the highest round. CPU is user and system time of the process in the row, all threads, and for\n\
         direct calls that of the upstream. The last two columns divide by the bare proxy's row, round by round.",
        machine.cores
    )?;
    if all_series.iter().all(|series| series.subject != Subject::Mcpg) {
        writeln!(
            page,
            "\nThis run had no gateway: the tables hold the baselines only."
        )?;
    }
    Ok(())
}

fn write_table(page: &mut String, era: Era, all_series: &[Series]) -> std::fmt::Result {
    writeln!(
        page,
        "| connections | through | calls/s | p50 µs | p99 µs | CPU µs/call | calls/s to proxy | CPU to proxy |"
    )?;
    writeln!(page, "|--:|---|--:|--:|--:|--:|--:|--:|")?;
    for series in all_series.iter().filter(|series| series.era == era) {
        let proxy = all_series.iter().find(|other| {
            other.subject == Subject::Proxy && other.era == era && other.connections == series.connections
        });
        writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            series.connections,
            series.subject.label(),
            with_range(series.throughputs(), |value| format!("{value:.0}")),
            whole(series.median(|report| Some(report.p50_us))),
            whole(series.median(|report| Some(report.p99_us))),
            tenth(series.median(|report| report.watched_cpu_us_per_call)),
            throughput_ratio(series, proxy),
            cpu_ratio(series, proxy),
        )?;
    }
    Ok(())
}

fn throughput_ratio(series: &Series, proxy: Option<&Series>) -> String {
    ratios(series, proxy, |report| Some(report.throughput_per_sec))
}

fn cpu_ratio(series: &Series, proxy: Option<&Series>) -> String {
    // The upstream does other work than a proxy: dividing one by the other would say nothing.
    if series.subject == Subject::Direct {
        return ABSENT.to_owned();
    }
    ratios(series, proxy, |report| report.watched_cpu_us_per_call)
}

/// Divides round by round: what slows the machine for a while slows both rows of a round.
fn ratios(series: &Series, proxy: Option<&Series>, figure: impl Fn(&Report) -> Option<f64>) -> String {
    let proxy_reports = proxy.map_or(&[][..], |proxy| &proxy.reports);
    let rounds = series.reports.iter().zip(proxy_reports);
    let ratios: Vec<f64> = rounds
        .filter_map(|(own, base)| Some(figure(own)? / figure(base)?))
        .filter(|ratio| ratio.is_finite())
        .collect();
    with_range(ratios, |ratio| format!("{ratio:.2}"))
}

/// Shows the median and, in parentheses, the lowest and the highest value unless they look the same.
fn with_range(mut values: Vec<f64>, show: impl Fn(f64) -> String) -> String {
    values.sort_by(f64::total_cmp);
    let bounds = values.first().copied().zip(values.last().copied());
    let (Some((lowest, highest)), Some(median)) = (bounds, median(values)) else {
        return ABSENT.to_owned();
    };
    let (lowest, highest) = (show(lowest), show(highest));
    if lowest == highest {
        return lowest;
    }
    format!("{} ({lowest}–{highest})", show(median))
}

const ABSENT: &str = "–";

fn whole(value: Option<f64>) -> String {
    value.map_or_else(|| ABSENT.to_owned(), |value| format!("{value:.0}"))
}

fn tenth(value: Option<f64>) -> String {
    value.map_or_else(|| ABSENT.to_owned(), |value| format!("{value:.1}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(throughput: f64, cpu: f64) -> Report {
        Report {
            era: Era::Modern,
            connections: 4,
            seconds: 1.0,
            calls: 1000,
            throughput_per_sec: throughput,
            p50_us: 10.0,
            p99_us: 20.0,
            errors: 0,
            first_error: None,
            load_cpu_us_per_call: 5.0,
            watched_cpu_us_per_call: Some(cpu),
        }
    }

    #[test]
    fn a_row_shows_medians_and_divides_by_the_proxy() {
        let mut all = Series::all(&[4], true);
        for (series, factor) in all.iter_mut().zip([4.0, 2.0, 1.0].into_iter().cycle()) {
            for round in [90.0, 100.0, 130.0] {
                series.reports.push(report(round * factor, 10.0 / factor));
            }
        }
        let mut page = String::new();
        write_table(&mut page, Era::Modern, &all).expect("a string takes everything");
        let rows: Vec<_> = page.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| 4 | nothing (direct) | 400 (360–520) | 10 | 20 | 2.5 | 2.00 | – |",
                "| 4 | bare proxy | 200 (180–260) | 10 | 20 | 5.0 | 1.00 | 1.00 |",
                "| 4 | mcpg | 100 (90–130) | 10 | 20 | 10.0 | 0.50 | 2.00 |",
            ]
        );
    }

    #[test]
    fn without_a_gateway_the_page_says_so() {
        let all = Series::all(&[1], false);
        let machine = Machine::describe();
        let mut page = String::new();
        write_explanation(&mut page, &machine, &all).expect("a string takes everything");
        assert!(page.contains("baselines only"), "{page}");
        assert!(page.contains(&format!("{} cores", machine.cores)), "{page}");
    }

    #[test]
    fn a_ratio_is_taken_within_each_round() {
        let mut all = Series::all(&[4], true);
        for (proxy, gateway) in [(100.0, 50.0), (10.0, 8.0), (200.0, 120.0)] {
            all[1].reports.push(report(proxy, 1.0));
            all[2].reports.push(report(gateway, 1.0));
        }
        assert_eq!(throughput_ratio(&all[2], Some(&all[1])), "0.60 (0.50–0.80)");
    }

    #[test]
    fn a_missing_figure_is_a_dash() {
        let mut all = Series::all(&[4], true);
        assert_eq!(throughput_ratio(&all[2], Some(&all[1])), ABSENT);
        all[1].reports.push(report(0.0, 1.0));
        all[2].reports.push(report(1.0, 1.0));
        assert_eq!(throughput_ratio(&all[2], Some(&all[1])), ABSENT);
        assert_eq!(throughput_ratio(&all[2], None), ABSENT);
        assert_eq!(whole(None), ABSENT);
    }
}
