//! What each step does where nothing goes wrong but the order.

use super::*;
use crate::calls::head::State;
use crate::testing::Counting;
use crate::testing::tester;

#[tokio::test(start_paused = true)]
async fn i8_an_upgrade_costs_two_operations_and_a_quick_call_none() {
    let fleet = Fleet::new();
    let counting = Counting::new(fleet.key_value());
    let a = fleet.replica_on("a", counting.clone());
    let quick = fleet.call("1");
    let mut opening = a.opening(&quick);
    assert_eq!(opening.abandon().await.unwrap(), Released::Free);
    assert_eq!(counting.take().total(), 0);

    let mut open = a.open(&fleet.call("2")).await;
    let used = counting.take();
    assert_eq!((used.puts, used.total()), (2, 2), "index entry and head");
    assert_eq!(open.end().await.unwrap(), Ended::Mine);
    assert_eq!(counting.take().total(), 1);
    open.tidy().await;
    assert_eq!(counting.take().total(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_index_entry_stands_before_the_head_and_goes_after_it() {
    let fleet = Fleet::new();
    let a = fleet.replica("a");
    let call = fleet.call("1");
    let mut open = a.open(&call).await;
    assert_eq!(fleet.indexed(&a.boot).await, 1);
    open.end().await.unwrap();
    assert_eq!(fleet.indexed(&a.boot).await, 1);
    open.tidy().await;
    assert_eq!(fleet.indexed(&a.boot).await, 0);
    let head = fleet.head(&call).await.unwrap().record;
    assert_eq!(head.state, State::Ended, "it stays until its ttl");
}

#[tokio::test(start_paused = true)]
async fn c2_a_cancel_that_comes_first_stops_the_opening_and_expires_with_the_session() {
    let fleet = Fleet::new();
    let (a, b, c) = (fleet.replica("a"), fleet.replica("b"), fleet.replica("c"));
    let call = fleet.call("1");
    assert_eq!(b.calls.cancel(&call).await.unwrap(), Cancelled::MarkerLeft);
    let again = c.calls.cancel(&call).await.unwrap();
    assert!(
        matches!(again, Cancelled::Already { owner: None, .. }),
        "{again:?}"
    );
    let opened = a.opening(&call).open().await.unwrap();
    assert!(matches!(opened, Opened::Cancelled), "{opened:?}");
    assert_eq!(fleet.indexed(&a.boot).await, 0, "there is nothing to find");
    tokio::time::advance(TTL).await;
    assert!(fleet.head(&call).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn c1_a_cancel_elsewhere_refuses_every_further_step_of_the_owner() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let call = fleet.call("1");
    let mut open = a.open(&call).await;
    assert_eq!(open.ask().await.unwrap(), Ok(1));
    let Cancelled::Stopped { owner, version } = b.calls.cancel(&call).await.unwrap() else {
        panic!("a head was living");
    };
    assert_eq!(owner, Some(a.boot.clone()));
    let repeated = b.calls.cancel(&call).await.unwrap();
    assert_eq!(repeated, Cancelled::Already { owner, version });
    let look = open.look(Some(version)).await.unwrap();
    assert!(matches!(look, Look::Refused(Refused::Cancelled)), "{look:?}");
    assert_eq!(open.ask().await.unwrap(), Err(Refused::Cancelled));
    assert_eq!(open.end().await.unwrap(), Ended::Refused(Refused::Cancelled));
    let kept = open.keep_alive(&a.owner).await.unwrap();
    assert!(matches!(kept, Look::Refused(Refused::Cancelled)), "{kept:?}");
    assert_eq!(
        b.calls.answer(&question(&call, 1), result("1")).await.unwrap(),
        Answered::Late
    );
}

#[tokio::test(start_paused = true)]
async fn c1_an_owner_that_was_not_woken_is_refused_at_its_end() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let call = fleet.call("1");
    let mut open = a.open(&call).await;
    b.calls.cancel(&call).await.unwrap();
    assert_eq!(open.end().await.unwrap(), Ended::Refused(Refused::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn c2_a_cancel_of_a_finished_call_changes_nothing() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let call = fleet.call("1");
    let mut open = a.open(&call).await;
    open.end().await.unwrap();
    assert_eq!(b.calls.cancel(&call).await.unwrap(), Cancelled::Finished);
    assert_eq!(open.end().await.unwrap(), Ended::Mine, "ending twice is one end");
}

#[tokio::test(start_paused = true)]
async fn c4_sessions_and_types_of_ids_are_kept_apart() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let other = SessionId::mint(&MacKey::new([7; 16]), &tester());
    let (number, text) = (fleet.call("1"), fleet.call("\"1\""));
    let elsewhere = CallKey::new(&other, "1").unwrap();
    let mut open = [
        a.open(&number).await,
        a.open(&text).await,
        a.open(&elsewhere).await,
    ];
    b.calls.cancel(&text).await.unwrap();
    assert_eq!(open[0].end().await.unwrap(), Ended::Mine);
    assert_eq!(open[1].end().await.unwrap(), Ended::Refused(Refused::Cancelled));
    assert_eq!(open[2].end().await.unwrap(), Ended::Mine);
    assert_eq!(CallKey::from_head(&text.head()), Some(text));
}

#[test]
fn an_id_that_is_too_long_is_refused() {
    let session = SessionId::mint(&MacKey::new([7; 16]), &tester());
    assert!(CallKey::new(&session, &"1".repeat(LARGEST_ID_BYTES)).is_ok());
    let refused = CallKey::new(&session, &"1".repeat(LARGEST_ID_BYTES + 1)).unwrap_err();
    assert!(refused.to_string().contains("8193 bytes"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_living_call_makes_its_id_a_duplicate_and_a_finished_or_dead_one_does_not() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let call = fleet.call("1");
    let mut first = a.open(&call).await;
    assert_eq!(first.ask().await.unwrap(), Ok(1));
    for replica in [&a, &b] {
        let opened = replica.opening(&call).open().await.unwrap();
        assert!(matches!(opened, Opened::Duplicate), "{opened:?}");
    }
    fleet.judge.kill(&a.owner);
    let mut second = b.open(&call).await;
    assert_eq!(first.end().await.unwrap(), Ended::Refused(Refused::Claimed));
    assert_eq!(second.ask().await.unwrap(), Ok(2), "numbers are not used again");
    let late = a.calls.answer(&question(&call, 1), result("1")).await.unwrap();
    assert_eq!(late, Answered::Late);
    assert_eq!(second.end().await.unwrap(), Ended::Mine);
    let mut third = b.open(&call).await;
    assert_eq!(third.ask().await.unwrap(), Ok(3));
}

#[tokio::test(start_paused = true)]
async fn c2_an_opening_after_half_the_life_of_a_marker_is_too_late() {
    let fleet = Fleet::new();
    let counting = Counting::new(fleet.key_value());
    let a = fleet.replica_on("a", counting.clone());
    let call = fleet.call("1");
    let mut opening = a.opening(&call);
    tokio::time::advance(TTL / 2).await;
    let mut on_time = a.opening(&fleet.call("2"));
    assert!(matches!(on_time.open().await.unwrap(), Opened::Open(_)));
    tokio::time::advance(Duration::from_millis(1)).await;
    counting.take();
    assert!(matches!(opening.open().await.unwrap(), Opened::TooLate));
    assert_eq!(counting.take().total(), 0);
    assert!(fleet.head(&call).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn p1_an_answer_at_another_replica_reaches_the_owner_once() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let call = fleet.call("1");
    let mut open = a.open(&call).await;
    assert_eq!(open.ask().await.unwrap(), Ok(1));
    assert_eq!(open.ask().await.unwrap(), Ok(2));
    let Answered::Taken { owner, version } = b
        .calls
        .answer(&question(&call, 2), result("\"two\""))
        .await
        .unwrap()
    else {
        panic!("it was pending");
    };
    assert_eq!(owner, Some(a.boot.clone()));
    let look = open.look(Some(version)).await.unwrap();
    assert_eq!(answers(look), [(2, "\"two\"".to_owned())]);
    assert_eq!(answers(open.look(None).await.unwrap()), []);
    let error = QuestionAnswer::Error(raw("{}"));
    b.calls.answer(&question(&call, 1), error).await.unwrap();
    assert_eq!(
        answers(open.keep_alive(&a.owner).await.unwrap()),
        [(1, "{}".to_owned())]
    );
}

#[tokio::test(start_paused = true)]
async fn p2_the_first_answer_stays_and_others_are_unknown_repeated_or_late() {
    let fleet = Fleet::new();
    let (a, b, c) = (fleet.replica("a"), fleet.replica("b"), fleet.replica("c"));
    let call = fleet.call("1");
    let give = async |replica: &Replica, number, json| {
        replica
            .calls
            .answer(&question(&call, number), result(json))
            .await
            .unwrap()
    };
    assert_eq!(give(&b, 1, "1").await, Answered::Unknown);
    let mut open = a.open(&call).await;
    assert_eq!(give(&b, 1, "1").await, Answered::Unknown, "nobody asked yet");
    open.ask().await.unwrap().unwrap();
    assert!(matches!(give(&b, 1, "1").await, Answered::Taken { .. }));
    assert!(matches!(give(&c, 1, "2").await, Answered::Repeated { .. }));
    assert_eq!(answers(open.look(None).await.unwrap()), [(1, "1".to_owned())]);
    open.ask().await.unwrap().unwrap();
    assert_eq!(give(&c, 1, "3").await, Answered::Late, "it left the head");
    assert_eq!(answers(open.look(None).await.unwrap()), []);
    open.end().await.unwrap();
    assert_eq!(give(&c, 2, "4").await, Answered::Late);
    let head = fleet.head(&call).await.unwrap().record;
    assert!(head.answers.is_empty() && head.pending.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_kept_alive_outlives_its_ttl_and_moves_to_a_new_owner_pair() {
    let fleet = Fleet::new();
    let a = fleet.replica("a");
    let call = fleet.call("1");
    let mut open = a.open(&call).await;
    let mut owner = a.owner.clone();
    for round in 0..8 {
        tokio::time::advance(TTL * 3 / 4).await;
        owner.token = 1 + round / 2;
        assert_eq!(answers(open.keep_alive(&owner).await.unwrap()), []);
    }
    assert_eq!(fleet.indexed(&a.boot).await, 1);
    assert_eq!(fleet.head(&call).await.unwrap().record.owner, Some(owner));
    tokio::time::advance(TTL).await;
    assert_eq!(open.end().await.unwrap(), Ended::Refused(Refused::Gone));
    assert!(
        fleet.head(&call).await.is_none(),
        "an owner never re-creates a head"
    );
}
