//! All metrics, by topic.

mod audit;
mod coordinator;
mod fleet;
mod process;
mod requests;
mod sessions;
mod streams;
mod upstreams;

pub use audit::*;
pub use coordinator::*;
pub use fleet::*;
pub use process::*;
pub use requests::*;
pub use sessions::*;
pub use streams::*;
pub use upstreams::*;

use crate::metric::{Kind, Label, Metric, Unit, Values};

/// Every metric, in the order in which operators read of them.
pub const ALL: &[&Metric] = &[
    &BUILD,
    &READY,
    &REQUESTS,
    &REQUEST_DURATION,
    &REQUESTS_IN_FLIGHT,
    &HTTP_RESPONSES,
    &CALLS_UPGRADED,
    &CANCELS,
    &AUDIT_LINES,
    &AUDIT_FAILING,
    &SESSIONS_CREATED,
    &SESSIONS_CLOSED,
    &MESSAGES_LOST,
    &SESSIONS_REMEMBERED,
    &SESSIONS_MINTED_HERE,
    &CAPABILITY_PINNED,
    &STREAMS_OPEN,
    &STREAMS_RESUMED,
    &STREAMS_CLOSED,
    &STREAMS_OVER_BUDGET,
    &UPSTREAM_UP,
    &UPSTREAM_REQUESTS,
    &UPSTREAM_REQUEST_DURATION,
    &UPSTREAM_RESTARTS,
    &UPSTREAM_SESSIONS_OPENED,
    &UPSTREAM_PROCESSES_STARTED,
    &COORDINATOR_UP,
    &COORDINATOR_RECONNECTS,
    &COORDINATOR_OPERATIONS,
    &COORDINATOR_OPERATION_DURATION,
    &COORDINATOR_DATA_LOSSES,
    &VIEW_FRESH,
    &VIEW_AGE,
    &REPLICA_LEASE_HELD,
    &LEADER,
    &TAKE_OVERS,
    &REFUSED_FENCES,
    &UNDECIDED_WRITES,
    &MAILBOX_REQUESTS,
];

const fn words(name: &'static str, words: &'static [&'static str]) -> Label {
    Label {
        name,
        values: Values::Words(words),
    }
}

const fn named(name: &'static str, what: &'static str) -> Label {
    Label {
        name,
        values: Values::Named(what),
    }
}

const fn counter(name: &'static str, labels: &'static [Label], help: &'static str) -> Metric {
    Metric {
        name,
        kind: Kind::Counter,
        unit: Unit::Count,
        labels,
        help,
    }
}

const fn gauge(name: &'static str, unit: Unit, labels: &'static [Label], help: &'static str) -> Metric {
    Metric {
        name,
        kind: Kind::Gauge,
        unit,
        labels,
        help,
    }
}

const fn durations(name: &'static str, labels: &'static [Label], help: &'static str) -> Metric {
    Metric {
        name,
        kind: Kind::Histogram,
        unit: Unit::Seconds,
        labels,
        help,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_follow_the_habits_of_the_format_and_are_used_once() {
        let mut known = BTreeSet::new();
        for metric in ALL {
            assert!(known.insert(metric.name), "{} stands twice", metric.name);
            let plain = |text: &str| {
                text.chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            };
            assert!(
                plain(metric.name) && metric.name.starts_with("mcpg_"),
                "{}",
                metric.name
            );
            assert_eq!(
                metric.kind == Kind::Counter,
                metric.name.ends_with("_total"),
                "{}",
                metric.name
            );
            assert_eq!(
                metric.unit == Unit::Seconds,
                metric.name.ends_with("_seconds"),
                "{}",
                metric.name
            );
            assert!(!metric.help.contains(['|', '\n']), "{}", metric.name);
            for label in metric.labels {
                assert!(plain(label.name), "{}", label.name);
                for word in label.values.words().unwrap_or_default() {
                    assert!(!word.contains(['"', ' ', '\\']), "{word}");
                }
            }
        }
    }
}
