//! The state of a fleet for eyes.

use std::fmt::Write as _;

use crate::status::{FleetFacts, Found, OwnFacts, ReplicaFacts, UpstreamFacts};

/// What stands where nothing is known.
const NOTHING: &str = "-";

/// The whole picture.
pub(super) fn render(facts: &FleetFacts) -> String {
    let mut text = String::new();
    head(&mut text, facts);
    text.push('\n');
    replicas(&mut text, &facts.replicas);
    upstreams(&mut text, &facts.replicas);
    remarks(&mut text, facts);
    text
}

fn head(text: &mut String, facts: &FleetFacts) {
    let coordinator = &facts.coordinator;
    let reached = if coordinator.reached {
        "reached"
    } else {
        "not reached"
    };
    let constants = &facts.constants;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "coordinator {} ({reached} by {}); lease {}, margin {}, take-over within {}, operation timeout {}, session cache {}",
        coordinator.kind,
        facts.asked,
        millis(constants.lease_ttl_ms),
        millis(constants.lease_margin_ms),
        millis(constants.take_over_bound_ms),
        millis(constants.operation_timeout_ms),
        millis(constants.session_cache_ms),
    );
}

fn replicas(text: &mut String, replicas: &[ReplicaFacts]) {
    let titles = [
        "REPLICA", "BOOT", "STATE", "VERSION", "UP", "LEASE", "LEADS", "VIEW", "SESSIONS", "CALLS",
    ];
    let rows = replicas.iter().map(|replica| {
        let own = replica.own.as_ref();
        let from_own = |tell: &dyn Fn(&OwnFacts) -> String| own.map_or_else(|| NOTHING.to_owned(), tell);
        vec![
            named(replica).to_owned(),
            replica.boot.chars().take(8).collect(),
            state(replica).to_owned(),
            from_own(&|own| own.version.clone()),
            from_own(&|own| seconds(own.up_sec)),
            lease(replica).to_owned(),
            if replica.leads { "yes" } else { NOTHING }.to_owned(),
            from_own(&view),
            from_own(&|own| own.sessions.remembered.to_string()),
            from_own(&|own| own.running_calls.to_string()),
        ]
    });
    table(text, &titles, &rows.collect::<Vec<_>>());
}

/// Each replica sees the upstreams on its own.
fn upstreams(text: &mut String, replicas: &[ReplicaFacts]) {
    let mut rows = Vec::new();
    for replica in replicas {
        for upstream in replica.own.iter().flat_map(|own| &own.upstreams) {
            rows.push(vec![
                upstream.name.clone(),
                named(replica).to_owned(),
                upstream.state.clone(),
                or_nothing(upstream.revisions.join(", ")),
                offers(upstream),
                or_nothing(cause(upstream)),
            ]);
        }
    }
    if rows.is_empty() {
        return;
    }
    rows.sort();
    text.push('\n');
    table(
        text,
        &["UPSTREAM", "REPLICA", "STATE", "REVISIONS", "OFFERS", "CAUSE"],
        &rows,
    );
}

fn remarks(text: &mut String, facts: &FleetFacts) {
    let mut lines = Vec::new();
    for weakness in &facts.coordinator.weaker_than_wanted {
        lines.push(format!("coordinator: {weakness}"));
    }
    for replica in &facts.replicas {
        if let Some(why) = &replica.why {
            lines.push(format!("{}: {why}", named(replica)));
        }
        for pin in replica.own.iter().flat_map(|own| &own.pinned) {
            lines.push(format!(
                "{}: pinned to this replica: {} (`{}`)",
                named(replica),
                pin.capability,
                pin.store
            ));
        }
        for reason in replica.own.iter().flat_map(|own| &own.reasons) {
            let since = seconds(reason.since_sec);
            lines.push(format!("{}: for {since}: {}", named(replica), reason.message));
        }
    }
    if !lines.is_empty() {
        text.push('\n');
        for line in lines {
            text.push_str(&plain(&line));
            text.push('\n');
        }
    }
}

/// Columns as wide as their widest cell.
fn table(text: &mut String, titles: &[&str], rows: &[Vec<String>]) {
    let mut lines = vec![titles.iter().map(|title| (*title).to_owned()).collect::<Vec<_>>()];
    lines.extend(
        rows.iter()
            .map(|row| row.iter().map(|cell| plain(cell)).collect()),
    );
    let widths: Vec<usize> = (0..titles.len())
        .map(|column| {
            let cells = lines.iter().map(|line| line[column].chars().count());
            cells.max().unwrap_or(0)
        })
        .collect();
    for line in &lines {
        let cells = line.iter().zip(&widths);
        let padded: Vec<String> = cells.map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    }
}

/// Others' words must not move the cursor of somebody's terminal.
fn plain(text: &str) -> String {
    text.chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect()
}

fn named(replica: &ReplicaFacts) -> &str {
    if replica.node.is_empty() {
        return "?";
    }
    &replica.node
}

fn state(replica: &ReplicaFacts) -> &'static str {
    match (replica.state, &replica.own) {
        (Found::Answering, Some(own)) if own.ready => "ready",
        (Found::Answering, _) => "not ready",
        (Found::NotAnswering, _) => "not answering",
        (Found::Dead, _) => "dead",
        (Found::Unknown, _) => "unknown",
    }
}

fn lease(replica: &ReplicaFacts) -> &'static str {
    match (&replica.own, replica.state) {
        (Some(own), _) if own.lease_valid => "valid",
        (Some(_), _) => "none",
        (None, Found::NotAnswering) => "held",
        (None, Found::Dead) => "gone",
        (None, _) => NOTHING,
    }
}

fn view(own: &OwnFacts) -> String {
    let age = own.view.age_ms.map_or_else(|| "no proof".to_owned(), millis);
    let word = if own.view.fresh { "fresh" } else { "stale" };
    format!("{word} ({age})")
}

fn offers(upstream: &UpstreamFacts) -> String {
    let counts = [
        (upstream.tools, "tool"),
        (upstream.prompts, "prompt"),
        (upstream.resources, "resource"),
        (upstream.resource_templates, "template"),
    ];
    let told = counts.into_iter().filter(|(count, _)| *count > 0);
    let told: Vec<String> = told
        .map(|(count, what)| format!("{count} {what}{}", if count == 1 { "" } else { "s" }))
        .collect();
    or_nothing(told.join(", "))
}

fn cause(upstream: &UpstreamFacts) -> String {
    match (&upstream.cause, upstream.down_for_sec) {
        (Some(cause), Some(since)) => format!("for {}: {cause}", seconds(since)),
        (Some(cause), None) => cause.clone(),
        (None, _) if upstream.refused_streams > 0 => format!(
            "{} GET streams of its sessions are refused: somebody else reads them (409)",
            upstream.refused_streams
        ),
        (None, _) => String::new(),
    }
}

fn or_nothing(text: String) -> String {
    if text.is_empty() {
        return NOTHING.to_owned();
    }
    text
}

fn millis(millis: u64) -> String {
    if millis >= 1000 && millis.is_multiple_of(1000) {
        return seconds(millis / 1000);
    }
    format!("{millis}ms")
}

/// The two largest units.
fn seconds(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{}s", seconds % 60),
        (0, _, _) => format!("{hours}h{minutes}m"),
        _ => format!("{days}d{hours}h"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_stream_that_somebody_else_reads_is_told() {
        let upstream = UpstreamFacts {
            refused_streams: 2,
            ..UpstreamFacts::default()
        };
        assert_eq!(
            cause(&upstream),
            "2 GET streams of its sessions are refused: somebody else reads them (409)"
        );
    }

    #[test]
    fn a_fleet_with_every_sort_of_trouble_reads_like_this() {
        let facts: FleetFacts = serde_json::from_str(include_str!("table/fleet.json")).unwrap();
        let rendered = render(&facts);
        assert_eq!(rendered, include_str!("table/fleet.txt"), "\n{rendered}");
    }

    #[test]
    fn what_a_later_release_says_is_read_as_far_as_it_is_known() {
        let later = r#"{"mcpg":"9.0.0","replicas":[{"node":"a","state":"levitating","own":{"colour":"red"}}],"more":1}"#;
        let facts: FleetFacts = serde_json::from_str(later).unwrap();
        assert!(render(&facts).contains("unknown"), "{}", render(&facts));
        assert!(serde_json::from_str::<FleetFacts>("{\"ready\":true}").is_err());
    }

    #[test]
    fn times_are_told_in_their_two_largest_units() {
        for (count, told) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m0s"),
            (3661, "1h1m"),
            (90_000, "1d1h"),
        ] {
            assert_eq!(seconds(count), told);
        }
        assert_eq!(
            (millis(1500), millis(15_000)),
            ("1500ms".to_owned(), "15s".to_owned())
        );
    }
}
