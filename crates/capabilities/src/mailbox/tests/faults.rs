//! Askers and receivers that are paused, crash or lose answers at each of their operations.

use super::*;
use crate::testing::{Chaos, Dice, Held, Odds, Side};

const SIDES: [Side; 3] = [Side::Before, Side::After, Side::Unanswered];

/// Whether an answer is true, given how often the request was executed.
fn check(place: &str, answer: &std::result::Result<Bytes, Undelivered>, executed: usize) {
    assert!(executed <= 1, "{place}: executed {executed} times");
    match answer {
        Ok(answer) => {
            assert_eq!(answer, &body("x"), "{place}");
            assert_eq!(executed, 1, "{place}");
        }
        Err(Undelivered::OutcomeUnknown) => {}
        Err(other) => assert_eq!(executed, 0, "{place}: {other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn i7_an_asker_paused_at_any_operation_is_told_the_truth() {
    for pause in [Duration::from_secs(5), PATIENCE * 2, PATIENCE * 20] {
        for side in SIDES {
            for at in 0..7 {
                let fleet = Fleet::new();
                let b = fleet.replica("b").await;
                let held = Held::new(fleet.key_value(), at, side);
                let a = fleet.mailbox("a", held.clone(), fleet.pubsub());
                let to = b.boot.clone();
                let asked = tokio::spawn(async move { a.request(&to, "echo", body("x"), PATIENCE).await });
                tokio::select! {
                    () = held.reached() => tokio::time::sleep(pause).await,
                    () = tokio::time::sleep(PATIENCE * 3) => {}
                }
                held.release();
                let answer = asked.await.unwrap();
                tokio::time::sleep(PATIENCE).await;
                let place = format!("operation {at}, {side:?}, {pause:?}");
                check(&place, &answer, b.seen.times("x"));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn i7_a_receiver_paused_at_any_operation_executes_at_most_once_and_nothing_refused() {
    for pause in [Duration::from_secs(5), PATIENCE * 2, PATIENCE * 20] {
        for swept in [false, true] {
            for side in SIDES {
                for at in 0..8 {
                    let fleet = Fleet::new();
                    let a = fleet.replica("a").await;
                    let held = Held::new(fleet.key_value(), at, side);
                    let b = Replica::start(fleet.mailbox("b", held.clone(), fleet.pubsub())).await;
                    let (mailbox, to) = (a.mailbox.clone(), b.boot.clone());
                    let asked =
                        tokio::spawn(async move { mailbox.request(&to, "echo", body("x"), PATIENCE).await });
                    tokio::time::sleep(Duration::from_secs(4)).await;
                    if swept {
                        let sweeper = fleet.silent("c");
                        sweeper.answer_for(&b.boot, None, 10).await.unwrap();
                    }
                    tokio::time::sleep(pause).await;
                    held.release();
                    let answer = asked.await.unwrap();
                    tokio::time::sleep(PATIENCE).await;
                    let place = format!("operation {at}, {side:?}, {pause:?}, swept: {swept}");
                    check(&place, &answer, b.seen.times("x"));
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn i7_over_a_bad_network_every_answer_is_true() {
    for seed in 0..400 {
        let mut dice = Dice::new(seed);
        let mut share = || dice.below(10);
        let odds = Odds {
            unreachable: share(),
            lost: share(),
            unanswered: share(),
            late: share(),
            twice: share(),
            slow_ms: 1 + share() * 10,
            late_ms: 20_000,
        };
        let fleet = Fleet::new();
        let bad = |name, number| {
            let chaos = Chaos::new(fleet.key_value(), odds, seed * 4 + number);
            fleet.mailbox(name, chaos, fleet.pubsub())
        };
        let (a, b) = (
            Replica::start(bad("a", 1)).await,
            Replica::start(bad("b", 2)).await,
        );
        let patience = Duration::from_millis(200 + dice.below(6_000));
        let (mailbox, to) = (a.mailbox.clone(), b.boot.clone());
        let asked = tokio::spawn(async move { mailbox.request(&to, "echo", body("x"), patience).await });
        if dice.hits(30) {
            tokio::time::sleep(Duration::from_millis(dice.below(3_000))).await;
            let _ = bad("c", 3).answer_for(&b.boot, None, 10).await;
        }
        if dice.hits(20) {
            tokio::time::sleep(Duration::from_millis(dice.below(500))).await;
            b.running.abort();
        }
        let answer = asked.await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        check(&format!("seed {seed}"), &answer, b.seen.times("x"));
    }
}

#[tokio::test(start_paused = true)]
async fn i1_over_a_bad_network_every_note_is_looked_at() {
    for seed in 0..100_u64 {
        let odds = Odds {
            unreachable: 10,
            lost: 5,
            unanswered: 10,
            late: 5,
            twice: 5,
            slow_ms: 30,
            late_ms: 5_000,
        };
        let fleet = Fleet::new();
        let bad = |name, number| {
            let chaos = Chaos::new(fleet.key_value(), odds, seed * 4 + number);
            fleet.mailbox(name, chaos, fleet.pubsub())
        };
        let b = Replica::start(bad("b", 1)).await;
        let a = bad("a", 2);
        let mut sent = 0;
        for version in 0..10 {
            sent += usize::from(a.wake(&b.boot, &note("1", version)).await.is_ok());
        }
        eventually("all are looked at", RESYNC * 10, || {
            let mut versions: Vec<_> = b.seen.looks.lock().iter().map(|note| note.version).collect();
            versions.sort_unstable();
            versions.dedup();
            versions.len() >= sent
        })
        .await;
        drop(b);
    }
}
