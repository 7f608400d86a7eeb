//! Reads that are older than the writes that they are to see. Nothing is decided by them.

use super::*;
use crate::testing::Stale;

/// How old reads may be here.
const STALE_READS: Duration = Duration::from_secs(20);

/// A and B on one coordinator; A reads by a follower.
fn scene() -> (Fleet, Arc<Stale>, Replica, Replica) {
    let mut fleet = Fleet::new();
    fleet.stale_reads = STALE_READS;
    let stale = Stale::new(fleet.key_value());
    let (a, b) = (fleet.replica_on("a", stale.clone()), fleet.replica("b"));
    (fleet, stale, a, b)
}

#[tokio::test(start_paused = true)]
async fn i1_an_owner_that_reads_an_old_head_looks_again_and_loses_no_answer() {
    let (fleet, stale, a, b) = scene();
    let call = fleet.call("1");
    stale.lag_behind(&call.head()).await;
    let mut open = a.open(&call).await;
    let look = open.look(None).await.unwrap();
    assert!(matches!(look, Look::Stale), "it is not gone: {look:?}");
    stale.catch_up();
    open.ask().await.unwrap().unwrap();
    stale.lag_behind(&call.head()).await;
    let taken = b.calls.answer(&question(&call, 1), result("1")).await.unwrap();
    let Answered::Taken { version, .. } = taken else {
        panic!("{taken:?}");
    };
    let look = open.look(Some(version)).await.unwrap();
    assert!(matches!(look, Look::Stale), "{look:?}");
    let kept = open.keep_alive(&a.owner).await.unwrap();
    assert!(matches!(kept, Look::Stale), "{kept:?}");
    stale.catch_up();
    let look = open.look(Some(version)).await.unwrap();
    assert_eq!(answers(look), [(1, "1".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn c1_a_cancel_that_reads_an_old_state_is_not_acknowledged_before_it_counts() {
    let (fleet, stale, a, b) = scene();
    let call = fleet.call("1");
    stale.lag_behind(&call.head()).await;
    let mut open = b.open(&call).await;
    let cancelled = a.calls.cancel(&call).await;
    assert!(
        matches!(
            cancelled,
            Err(CallsError::Unavailable(_) | CallsError::Indeterminate(_))
        ),
        "{cancelled:?}"
    );
    stale.catch_up();
    let cancelled = a.calls.cancel(&call).await.unwrap();
    assert!(matches!(cancelled, Cancelled::Stopped { .. }), "{cancelled:?}");
    assert_eq!(open.end().await.unwrap(), Ended::Refused(Refused::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn p1_an_answer_that_reads_an_old_state_is_not_called_unknown() {
    let (fleet, stale, a, b) = scene();
    let call = fleet.call("1");
    stale.lag_behind(&call.head()).await;
    let mut open = b.open(&call).await;
    open.ask().await.unwrap().unwrap();
    let given = a.calls.answer(&question(&call, 1), result("1")).await;
    assert!(matches!(given, Err(CallsError::Unavailable(_))), "{given:?}");
    stale.catch_up();
    let given = a.calls.answer(&question(&call, 1), result("1")).await.unwrap();
    assert!(matches!(given, Answered::Taken { .. }), "{given:?}");
    assert_eq!(answers(open.look(None).await.unwrap()), [(1, "1".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_gone_is_gone_once_no_read_can_be_older_than_it() {
    let (fleet, stale, a, _) = scene();
    let call = fleet.call("1");
    stale.lag_behind(&call.head()).await;
    let mut open = a.open(&call).await;
    tokio::time::advance(STALE_READS + Duration::from_millis(1)).await;
    let look = open.look(None).await.unwrap();
    assert!(matches!(look, Look::Refused(Refused::Gone)), "{look:?}");
}
