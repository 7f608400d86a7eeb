//! The random scenarios repeat themselves, and find what is missing without being told where to look.

use super::{calls, levels, mail, sessions, streams};
use crate::simulation::{Faults, World, finds_without, one_run};
use crate::weakness::Weakness;

#[test]
fn random_sessions_miss_the_tombstone() {
    finds_without(
        Weakness::LeavesNoTombstone,
        200,
        &Faults::usual(),
        sessions::random_work,
    );
}

#[test]
fn random_calls_miss_the_marker_of_a_cancel() {
    finds_without(
        Weakness::CancelOnlyLooks,
        200,
        &Faults::usual(),
        calls::random_calls,
    );
}

#[test]
fn random_calls_miss_the_one_record() {
    finds_without(Weakness::TwoRecords, 200, &Faults::usual(), calls::random_calls);
}

#[test]
fn random_mail_misses_that_a_request_is_taken() {
    finds_without(
        Weakness::ExecutesUntaken,
        200,
        &Faults::usual(),
        mail::random_mail,
    );
}

#[test]
fn random_streams_miss_that_events_are_logged_before_they_are_sent() {
    finds_without(
        Weakness::SendsUnlogged,
        50,
        &Faults::usual(),
        streams::random_streams,
    );
}

#[test]
fn random_streams_miss_that_an_append_is_looked_for() {
    finds_without(
        Weakness::AppendsBlindly,
        200,
        &Faults::usual(),
        streams::random_streams,
    );
}

#[test]
fn random_streams_miss_that_bodies_come_first() {
    finds_without(
        Weakness::BodiesAfterHeads,
        200,
        &Faults::usual(),
        streams::random_streams,
    );
}

#[test]
fn random_streams_miss_that_a_reader_is_displaced() {
    finds_without(
        Weakness::NeverDisplaced,
        50,
        &Faults::usual(),
        streams::random_streams,
    );
}

/// Runs a scenario twice per seed: nothing but the seed may decide what happens.
fn repeats<F: Future<Output = ()>>(scenario: impl Fn(World) -> F) {
    for seed in 0..2 {
        let run = || one_run(seed, Faults::usual(), true, &scenario);
        let (first, second) = (run(), run());
        if first.hash != second.hash {
            let (first, second): (Vec<_>, Vec<_>) =
                (first.history.lines().collect(), second.history.lines().collect());
            let at = (0..).find(|at| first.get(*at) != second.get(*at)).unwrap_or(0);
            let around = at.saturating_sub(12)..at + 6;
            let shown = |lines: &[&str]| lines.get(around.clone()).unwrap_or_default().join("\n");
            let (first, second) = (shown(&first), shown(&second));
            panic!("two runs of seed {seed} differ at line {at}:\n{first}\n\n{second}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_history_of_whole_replicas() {
    repeats(sessions::random_work);
    repeats(levels::random_levels);
    repeats(calls::random_calls);
    repeats(mail::random_mail);
    repeats(streams::random_streams);
}
