//! The owner is paused, or crashes, at each of its operations, before and after it takes effect.

use std::future::Future;

use super::*;
use crate::calls::head::State;
use crate::testing::{Held, Side};

const SIDES: [Side; 3] = [Side::Before, Side::After, Side::Unanswered];

/// How the owner's call went, if it came to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Responded,
    Cancelled,
    Unknown,
}

/// Runs a whole call: opened, asked, looked at, kept alive, ended. Every step is tried until it is settled.
async fn run(replica: Replica, call: CallKey) -> Outcome {
    let mut opening = replica.opening(&call);
    let mut open = loop {
        match opening.open().await {
            Ok(Opened::Open(open)) => break open,
            Ok(Opened::Cancelled) => return Outcome::Cancelled,
            Ok(Opened::Duplicate | Opened::TooLate | Opened::Claimed) => return Outcome::Unknown,
            Err(_) => {}
        }
    };
    let _ = open.ask().await;
    let _ = open.look(None).await;
    let _ = open.keep_alive(&replica.owner).await;
    let ended = loop {
        match open.end().await {
            Ok(ended) => break ended,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    open.tidy().await;
    match ended {
        Ended::Mine => Outcome::Responded,
        Ended::Refused(Refused::Cancelled) => Outcome::Cancelled,
        Ended::Refused(_) => Outcome::Unknown,
    }
}

/// Holds the owner at every operation in turn, lets `meanwhile` happen, and gives its result with the outcome of the
/// call to `check`. It stops at the first operation that the call never reaches.
async fn at_every_operation<T, F>(
    meanwhile: impl Fn(Arc<Fleet>, CallKey, OwnerPair) -> F,
    check: impl Fn(&str, T, Outcome),
) where
    F: Future<Output = T>,
{
    for side in SIDES {
        let mut at = 0;
        loop {
            let fleet = Arc::new(Fleet::new());
            let call = fleet.call("1");
            let held = Held::new(fleet.key_value(), at, side);
            let a = fleet.replica_on("a", held.clone());
            let owner = a.owner.clone();
            let running = tokio::spawn(run(a, call.clone()));
            let done = tokio::select! {
                () = held.reached() => false,
                () = tokio::time::sleep(Duration::from_secs(20)) => true,
            };
            if done {
                assert_eq!(running.await.unwrap(), Outcome::Responded);
                assert!(at >= 6, "only {at} operations");
                break;
            }
            let seen = meanwhile(fleet.clone(), call.clone(), owner).await;
            held.release();
            let outcome = running.await.unwrap();
            check(&format!("operation {at}, {side:?}"), seen, outcome);
            let head = fleet.head(&call).await.unwrap().record;
            assert_ne!(head.state, State::Open, "operation {at}, {side:?}");
            at += 1;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn c3_a_cancel_at_any_moment_of_a_paused_owner_has_exactly_one_outcome() {
    at_every_operation(
        |fleet, call, _| async move { fleet.replica("b").calls.cancel(&call).await.unwrap() },
        |place, cancelled, outcome| match cancelled {
            Cancelled::Finished => assert_eq!(outcome, Outcome::Responded, "{place}"),
            _ => assert_eq!(outcome, Outcome::Cancelled, "{place}: {cancelled:?}"),
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn i3_a_sweep_at_any_moment_of_a_paused_owner_has_exactly_one_outcome() {
    at_every_operation(
        |fleet, call, owner| async move {
            fleet.judge.kill(&owner);
            let b = fleet.replica("b");
            let sweep = b.calls.end_of(&BootId::new("a"), None, 10).await.unwrap();
            assert_eq!(sweep.kept, 0);
            (sweep.ended, fleet.head(&call).await.is_some())
        },
        |place, (ended, stands), outcome| {
            let expected = match (ended, stands) {
                (1, _) => Outcome::Unknown,
                // Nothing stood yet, not even the index, or the call was over.
                _ => Outcome::Responded,
            };
            assert_eq!(outcome, expected, "{place}");
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn i3_a_successor_with_the_same_id_at_any_moment_of_a_paused_owner_is_never_disturbed() {
    at_every_operation(
        |fleet, call, owner| async move {
            fleet.judge.kill(&owner);
            let b = fleet.replica("b");
            let mut open = b.open(&call).await;
            let number = open.ask().await.unwrap().unwrap();
            fleet
                .replica("c")
                .calls
                .answer(&question(&call, number), result("5"))
                .await
                .unwrap();
            assert_eq!(
                answers(open.look(None).await.unwrap()),
                [(number, "5".to_owned())]
            );
            assert_eq!(open.end().await.unwrap(), Ended::Mine);
        },
        // Where its own end was applied before, it responds; one that had not begun may open after the successor.
        |place, (), outcome| assert_ne!(outcome, Outcome::Cancelled, "{place}"),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn i3_a_crash_at_any_operation_leaves_nothing_that_a_sweep_does_not_end() {
    for side in SIDES {
        for at in 0..8 {
            let fleet = Fleet::new();
            let call = fleet.call("1");
            let held = Held::new(fleet.key_value(), at, side);
            let a = fleet.replica_on("a", held.clone());
            let (owner, boot) = (a.owner.clone(), a.boot.clone());
            let running = tokio::spawn(run(a, call.clone()));
            tokio::select! {
                () = held.reached() => {}
                () = tokio::time::sleep(Duration::from_secs(20)) => {}
            }
            running.abort();
            fleet.judge.kill(&owner);
            let b = fleet.replica("b");
            b.calls.end_of(&boot, None, 10).await.unwrap();
            assert_eq!(fleet.indexed(&boot).await, 0);
            let stands = fleet.head(&call).await;
            assert!(
                stands.is_none_or(|head| head.record.state == State::Ended),
                "operation {at}, {side:?}"
            );
            let mut again = b.open(&call).await;
            assert_eq!(again.end().await.unwrap(), Ended::Mine);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn c2_a_pause_while_the_head_is_sent_makes_the_call_too_late() {
    for side in SIDES {
        let fleet = Fleet::new();
        let call = fleet.call("1");
        // The second operation is the head.
        let held = Held::new(fleet.key_value(), 1, side);
        let a = fleet.replica_on("a", held.clone());
        let mut opening = a.opening(&call);
        let running = tokio::spawn(async move { opening.open().await.unwrap() });
        held.reached().await;
        // Meanwhile the marker of a cancel has come and gone; only the head's own TTL may not be over.
        tokio::time::advance(TTL * 2 / 3).await;
        held.release();
        assert!(matches!(running.await.unwrap(), Opened::TooLate), "{side:?}");
        let head = fleet.head(&call).await.unwrap().record;
        assert_eq!(head.state, State::Ended, "{side:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn i2_an_opening_that_is_given_up_while_it_is_undecided_never_appears() {
    for side in SIDES {
        let fleet = Fleet::new();
        let (call, b) = (fleet.call("1"), fleet.replica("b"));
        let held = Held::new(fleet.key_value(), 1, side);
        let a = fleet.replica_on("a", held.clone());
        let mut opening = a.opening(&call);
        tokio::select! {
            opened = opening.open() => panic!("{opened:?}"),
            () = held.reached() => {}
        }
        // The call is over before its head is settled.
        assert_eq!(opening.abandon().await.unwrap(), Released::Free);
        let head = fleet.head(&call).await.unwrap().record;
        assert_eq!(head.state, State::Ended, "a late copy is refused");
        assert_eq!(b.calls.cancel(&call).await.unwrap(), Cancelled::Finished);
        assert_eq!(fleet.indexed(&a.boot).await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn c1_an_undecided_opening_that_was_cancelled_sends_no_result() {
    let fleet = Fleet::new();
    let (call, b) = (fleet.call("1"), fleet.replica("b"));
    let held = Held::new(fleet.key_value(), 1, Side::After);
    let a = fleet.replica_on("a", held.clone());
    let mut opening = a.opening(&call);
    tokio::select! {
        opened = opening.open() => panic!("{opened:?}"),
        () = held.reached() => {}
    }
    let cancelled = b.calls.cancel(&call).await.unwrap();
    assert!(matches!(cancelled, Cancelled::Stopped { .. }), "{cancelled:?}");
    assert_eq!(opening.abandon().await.unwrap(), Released::Cancelled);
}
