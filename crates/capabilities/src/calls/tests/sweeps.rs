//! What a sweeper does for a dead replica.

use mcpg_cluster::{ErrorKind, Expect};

use super::*;
use crate::calls::head::{EndReason, State};
use crate::store::Record as _;

#[tokio::test(start_paused = true)]
async fn i3_a_sweep_ends_the_calls_of_a_dead_owner_only() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let calls: Vec<CallKey> = (0..7).map(|id| fleet.call(&id.to_string())).collect();
    let mut open = Vec::new();
    for call in &calls {
        open.push(a.open(call).await);
    }
    open[0].end().await.unwrap();
    let sweep = b.calls.end_of(&a.boot, None, 100).await.unwrap();
    assert_eq!((sweep.ended, sweep.kept), (0, 6), "the owner lives");
    fleet.judge.kill(&a.owner);
    let mut ended = 0;
    for step in 0..3 {
        let sweep = b.calls.end_of(&a.boot, None, 2).await.unwrap();
        assert_eq!(sweep.next.is_some(), step < 2);
        ended += sweep.ended;
    }
    assert_eq!(ended, 6);
    assert_eq!(fleet.indexed(&a.boot).await, 0);
    for call in &mut open[1..] {
        assert_eq!(call.end().await.unwrap(), Ended::Refused(Refused::Claimed));
    }
    let head = fleet.head(&calls[3]).await.unwrap().record;
    assert_eq!(
        (head.state, head.reason),
        (State::Ended, Some(EndReason::OwnerLost))
    );
}

#[tokio::test(start_paused = true)]
async fn i3_a_sweep_refuses_a_paused_owner_whose_head_did_not_stand_yet() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let call = fleet.call("1");
    // The head that the owner sent before it was paused arrives after the sweep.
    let mut late = a.open(&call).await;
    let stored = fleet.head(&call).await.unwrap();
    let key_value = fleet.key_value();
    key_value
        .delete(&call.head(), Expect::Version(stored.version))
        .await
        .unwrap();
    let alive = b.calls.end_of(&a.boot, None, 100).await.unwrap();
    assert_eq!((alive.ended, alive.kept), (0, 1));
    fleet.judge.kill(&a.owner);
    assert_eq!(b.calls.end_of(&a.boot, None, 100).await.unwrap().ended, 1);
    let bytes = stored.record.encode(crate::store::Format::NATIVE).unwrap();
    let refused = key_value
        .put(&call.head(), bytes.into(), Expect::Absent, Some(TTL))
        .await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(late.end().await.unwrap(), Ended::Refused(Refused::Claimed));
}

#[tokio::test(start_paused = true)]
async fn i3_a_sweep_leaves_alone_who_took_the_id_over() {
    let fleet = Fleet::new();
    let (a, b, c) = (fleet.replica("a"), fleet.replica("b"), fleet.replica("c"));
    let call = fleet.call("1");
    a.open(&call).await;
    fleet.judge.kill(&a.owner);
    let mut successor = b.open(&call).await;
    let sweep = c.calls.end_of(&a.boot, None, 10).await.unwrap();
    assert_eq!((sweep.ended, sweep.kept), (0, 0));
    assert_eq!(fleet.indexed(&a.boot).await, 0);
    assert_eq!(successor.end().await.unwrap(), Ended::Mine);
}
