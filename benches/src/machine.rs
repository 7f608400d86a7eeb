//! Where and of what the numbers were taken.

use std::process::Command;

/// What a reader must know to compare the numbers with others.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) date: String,
    pub(crate) commit: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    /// Load averages before the run: what else the machine was busy with.
    pub(crate) load_average: String,
}

impl Machine {
    pub(crate) fn describe() -> Self {
        Self {
            date: output_of("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
            commit: commit(),
            processor: processor(&read("/proc/cpuinfo")),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            load_average: read("/proc/loadavg")
                .split_whitespace()
                .take(3)
                .collect::<Vec<_>>()
                .join(" "),
        }
    }
}

fn commit() -> String {
    let commit = output_of("git", &["rev-parse", "--short=12", "HEAD"]);
    // The pages themselves are what a run is meant to change.
    let status = [
        "status",
        "--porcelain",
        "--",
        ".",
        ":!docs/performance.md",
        ":!docs/latency.md",
    ];
    let changes = output_of("git", &status);
    if commit == UNKNOWN || changes.is_empty() {
        return commit;
    }
    format!("{commit} with uncommitted changes")
}

fn processor(cpuinfo: &str) -> String {
    cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == "model name")
        .map_or_else(|| UNKNOWN.to_owned(), |(_, name)| name.trim().to_owned())
}

const UNKNOWN: &str = "unknown";

fn output_of(program: &str, arguments: &[&str]) -> String {
    match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => UNKNOWN.to_owned(),
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_model_name_is_the_processor() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Fast: One\nprocessor\t: 1\nmodel name\t: Two\n";
        assert_eq!(processor(cpuinfo), "Fast: One");
        assert_eq!(processor("processor\t: 0\n"), UNKNOWN);
    }

    #[test]
    fn a_program_that_fails_gives_an_unknown() {
        assert_eq!(output_of("false", &[]), UNKNOWN);
        assert_eq!(output_of("echo", &["one"]), "one");
    }
}
