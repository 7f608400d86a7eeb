//! Reads how much CPU time a process has used.

use std::time::Duration;

use crate::failure::{Failure, While as _};

/// Linux reports process times to user space in hundredths of a second, whatever its own clock runs at.
const TICK: Duration = Duration::from_millis(10);

/// Returns the user and system time all threads of process `id` have used so far.
pub(crate) fn used_by(id: u32) -> Result<Duration, Failure> {
    let path = format!("/proc/{id}/stat");
    let stat = std::fs::read_to_string(&path).attempting(|| format!("reading {path}"))?;
    parse(&stat).ok_or_else(|| Failure::new(format!("{path} has no process times: {stat:?}")))
}

fn parse(stat: &str) -> Option<Duration> {
    // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut times = after_name.split_ascii_whitespace().skip(11);
    let user: u32 = times.next()?.parse().ok()?;
    let system: u32 = times.next()?.parse().ok()?;
    Some(TICK * (user + system))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_added() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 100 0 0 0 150 25 0 0 20 0 3 0 1234 5678";
        assert_eq!(parse(stat), Some(Duration::from_millis(1750)));
    }

    #[test]
    fn a_line_without_times_is_refused() {
        assert_eq!(parse("42 (name) S 1 42"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn own_process_time_never_shrinks() {
        let before = used_by(std::process::id()).expect("own process exists");
        let after = used_by(std::process::id()).expect("own process exists");
        assert!(after >= before);
    }
}
