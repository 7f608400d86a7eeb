//! What is large stands beside the head, and a log is bounded.

use std::sync::Arc;

use mcpg_cluster::{ErrorKind, Expect, Key};

use super::*;
use crate::delivery::{LogLimits, Reader};
use crate::store::{Format, Record as _};
use crate::testing::{Blackout, Counting};

fn sized(bytes: usize) -> Entry {
    said(&format!("\"{}\"", "x".repeat(bytes - 2)))
}

fn said(text: &str) -> Entry {
    Entry {
        message: raw(text),
        question: None,
    }
}

/// The numbers and lengths of what a reader gets.
fn sizes(follow: &Follow) -> Vec<(u64, usize)> {
    match follow {
        Follow::Runs { events, .. } | Follow::Over { events, .. } => events
            .iter()
            .map(|event| (event.sequence, event.message.len()))
            .collect(),
        other => panic!("{other:?}"),
    }
}

impl Fleet {
    async fn bodies(&self) -> Vec<Key> {
        let scope = format!("event/{}", self.session.name());
        let page = self.key_value().list(scope.as_bytes(), b"", None, 1_000).await;
        let entries = page.unwrap().entries.into_iter();
        entries.map(|named| Key::new(scope.clone(), named.name)).collect()
    }

    async fn head_bytes(&self, call: &CallKey) -> usize {
        let head = self.head(call).await.unwrap().record;
        head.encode(Format::NATIVE).unwrap().len()
    }
}

async fn must_append(open: &mut OpenCall, after: u64, entries: &[Entry]) -> Appended {
    open.append(after, entries, false).await.unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn i8_an_event_costs_one_write_and_a_large_one_two() {
    let fleet = Fleet::new();
    let counting = Counting::new(fleet.key_value());
    let a = fleet.replica_on("a", counting.clone());
    let mut open = a.open(&fleet.call("1")).await;
    assert_eq!(counting.take().total(), 2, "index entry and head");
    must_append(&mut open, 0, &[said("1"), said("2")]).await;
    must_append(&mut open, 2, &[sized(1_000)]).await;
    let appended = counting.take();
    assert_eq!((appended.puts, appended.total()), (2, 2));
    must_append(&mut open, 3, &[sized(20_000)]).await;
    let large = counting.take();
    assert_eq!((large.puts, large.total()), (2, 2), "the body and the head");
}

#[tokio::test(start_paused = true)]
async fn d4_large_events_are_read_elsewhere_among_small_ones() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let call = fleet.call("1");
    let mut open = a.open(&call).await;
    // The third body is larger than one value may be.
    let events = [10, 20_000, 3_000, 1_300_000, 9_000, 9_000, 100];
    for (after, bytes) in events.iter().enumerate() {
        must_append(&mut open, after as u64, &[sized(*bytes)]).await;
        assert!(fleet.head_bytes(&call).await < 18_000);
    }
    let reader = Reader::fresh(b.boot.clone());
    let expected: Vec<(u64, usize)> = (1..).zip(events).collect();
    for after in [0, 1, 2, 3, 5, 7] {
        let follow = b
            .calls
            .take_up(&call, open.birth(), after, &reader)
            .await
            .unwrap();
        let skipped = usize::try_from(after).unwrap();
        assert_eq!(sizes(&follow), expected[skipped..], "after {after}");
    }
    assert_eq!(fleet.bodies().await.len(), 1 + 3 + 1);
}

#[tokio::test(start_paused = true)]
async fn the_head_stays_small_however_much_is_said() {
    let fleet = Fleet::new();
    let a = fleet.replica("a");
    let call = fleet.call("1");
    let mut open = a.open(&call).await;
    for after in 0..3_000 {
        must_append(&mut open, after, &[sized(700)]).await;
        if after % 50 == 0 {
            let bytes = fleet.head_bytes(&call).await;
            assert!(bytes < 24_000, "{bytes} bytes at {after}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_gone_ends_the_stream_and_is_not_skipped() {
    for stale in [false, true] {
        let mut fleet = Fleet::new();
        fleet.stale_reads = Duration::from_secs(u64::from(stale));
        let (a, b) = (fleet.replica("a"), fleet.replica("b"));
        let call = fleet.call("1");
        let mut open = a.open(&call).await;
        must_append(&mut open, 0, &[sized(1_300_000)]).await;
        must_append(&mut open, 1, &[said("2")]).await;
        let parts = fleet.bodies().await;
        fleet.key_value().delete(&parts[1], Expect::Any).await.unwrap();
        let reader = Reader::fresh(b.boot.clone());
        for _ in 0..2 {
            let follow = b.calls.take_up(&call, open.birth(), 0, &reader).await;
            assert!(matches!(follow.unwrap(), Follow::Broken), "stale reads: {stale}");
        }
        let behind = b.calls.take_up(&call, open.birth(), 1, &reader).await;
        assert_eq!(sizes(&behind.unwrap()), [(2, 1)]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_append_of_unknown_outcome_is_repeated_with_more_and_doubles_nothing() {
    for bytes in [100, 20_000] {
        let bodies_and_head = if bytes > 16_384 { 2 } else { 1 };
        let fleet = Fleet::new();
        let b = fleet.replica("b");
        // The last write of the append is applied and its answer is lost.
        let puts = 2 + bodies_and_head - 1;
        let blackout = Blackout::after_puts(fleet.key_value(), puts, Duration::from_secs(10));
        let a = fleet.replica_on("a", blackout);
        let call = fleet.call("1");
        let mut open = a.open(&call).await;
        let error = open.append(0, &[sized(bytes)], false).await.unwrap_err();
        assert!(matches!(error, CallsError::Indeterminate(_)), "{error:?}");
        tokio::time::sleep(Duration::from_secs(10)).await;
        must_append(&mut open, 0, &[sized(bytes), said("2")]).await;
        let reader = Reader::fresh(b.boot.clone());
        let follow = b.calls.take_up(&call, open.birth(), 0, &reader).await.unwrap();
        assert_eq!(sizes(&follow), [(1, bytes), (2, 1)]);
    }
}

#[tokio::test(start_paused = true)]
async fn another_attempt_does_not_write_the_bodies_again() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let mut open = a.open(&fleet.call("1")).await;
    // The head has another version by then, so the first attempt to write it is refused.
    let reader = Reader::fresh(b.boot.clone());
    let taken = b.calls.take_up(&fleet.call("1"), open.birth(), 0, &reader).await;
    assert!(matches!(taken, Ok(Follow::Runs { .. })), "{taken:?}");
    let appended = must_append(&mut open, 0, &[sized(20_000)]).await;
    assert_eq!(appended.reader, Some(reader));
    assert_eq!(fleet.bodies().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn d7_the_oldest_is_let_go_of_and_a_reader_that_needs_it_is_told() {
    let mut fleet = Fleet::new();
    fleet.limits = LogLimits {
        max_events: 5,
        max_bytes: 50_000,
        ..LogLimits::default()
    };
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let call = fleet.call("1");
    let mut open = a.open(&call).await;
    for after in 0..8 {
        must_append(&mut open, after, &[sized(100)]).await;
    }
    let reader = Reader::fresh(b.boot.clone());
    let at = async |after| {
        b.calls
            .take_up(&call, open.birth(), after, &reader)
            .await
            .unwrap()
    };
    assert_eq!(at(2).await, Follow::Trimmed);
    assert_eq!(sizes(&at(3).await).len(), 5);
    // Larger than all that is kept: it is kept alone.
    must_append(&mut open, 8, &[sized(60_000)]).await;
    let at = async |after| {
        b.calls
            .take_up(&call, open.birth(), after, &reader)
            .await
            .unwrap()
    };
    assert_eq!(at(7).await, Follow::Trimmed);
    assert_eq!(sizes(&at(8).await), [(9, 60_000)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_goes_with_the_next_event_or_sign_of_life() {
    let mut fleet = Fleet::new();
    fleet.limits.max_age = Duration::from_secs(30);
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let call = fleet.call("1");
    let mut open = a.open(&call).await;
    let reader = Reader::fresh(b.boot.clone());
    must_append(&mut open, 0, &[said("1")]).await;
    tokio::time::advance(Duration::from_secs(20)).await;
    must_append(&mut open, 1, &[said("2")]).await;
    tokio::time::advance(Duration::from_secs(20)).await;
    let looked = open.keep_alive(&a.owner).await.unwrap();
    assert!(matches!(looked, Look::Runs(_)), "{looked:?}");
    let first = b.calls.take_up(&call, open.birth(), 0, &reader).await;
    assert_eq!(first.unwrap(), Follow::Trimmed);
    let second = b.calls.take_up(&call, open.birth(), 1, &reader).await;
    assert_eq!(sizes(&second.unwrap()), [(2, 1)]);
    tokio::time::advance(Duration::from_secs(20)).await;
    must_append(&mut open, 2, &[said("3")]).await;
    let second = b.calls.take_up(&call, open.birth(), 1, &reader).await;
    assert_eq!(second.unwrap(), Follow::Trimmed);
    let third = b.calls.take_up(&call, open.birth(), 2, &reader).await;
    assert_eq!(sizes(&third.unwrap()), [(3, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_body_outlives_every_head_that_names_it() {
    let mut fleet = Fleet::new();
    fleet.limits.max_age = Duration::from_secs(30);
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let call = fleet.call("1");
    let mut open = a.open(&call).await;
    must_append(&mut open, 0, &[sized(20_000)]).await;
    // As old as it may be when its owner writes the head for the last time.
    tokio::time::advance(Duration::from_secs(30)).await;
    must_append(&mut open, 1, &[said("2")]).await;
    // Another replica writes the head at the last moment, and nobody ever again.
    tokio::time::advance(TTL - Duration::from_secs(1)).await;
    let reader = Reader::fresh(b.boot.clone());
    b.calls.take_up(&call, open.birth(), 0, &reader).await.unwrap();
    tokio::time::advance(TTL - Duration::from_secs(1)).await;
    let follow = b.calls.follow(&call, open.birth(), 0, &reader, None).await;
    assert_eq!(sizes(&follow.unwrap()), [(1, 20_000), (2, 1)]);
    tokio::time::advance(Duration::from_secs(2)).await;
    let follow = b.calls.follow(&call, open.birth(), 0, &reader, None).await;
    assert_eq!(follow.unwrap(), Follow::Gone);
    tokio::time::advance(fleet.limits.max_age).await;
    assert!(fleet.bodies().await.is_empty(), "nothing stays for ever");
}

#[tokio::test(start_paused = true)]
async fn a_principal_that_says_too_much_is_refused_but_for_the_last_word() {
    let mut fleet = Fleet::new();
    fleet.bytes_per_principal = 100_000;
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let (mut one, mut other) = (a.open(&fleet.call("1")).await, b.open(&fleet.call("2")).await);
    must_append(&mut one, 0, &[sized(60_000)]).await;
    must_append(&mut other, 0, &[sized(20_000)]).await;
    let refused = other.append(1, &[sized(30_000)], false).await.unwrap();
    assert_eq!(refused, Err(Refused::OverBudget));
    let refused = other.append(1, &[sized(30_000)], true).await.unwrap();
    assert_eq!(refused, Err(Refused::OverBudget));
    let last = other.append(1, &[sized(5_000)], true).await.unwrap().unwrap();
    assert_eq!(last.last, 2);
    let again = other.append(1, &[sized(5_000)], true).await.unwrap().unwrap();
    assert_eq!(again, last);
}

#[tokio::test(start_paused = true)]
async fn where_reads_may_be_old_a_stream_that_is_gone_is_gone_for_certain() {
    let mut fleet = Fleet::new();
    fleet.stale_reads = Duration::from_secs(1);
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let call = fleet.call("1");
    let open = a.open(&call).await;
    let stored = fleet.head(&call).await.unwrap();
    let (birth, reader) = (open.birth(), Reader::fresh(b.boot.clone()));
    let key_value: Arc<dyn KeyValue> = fleet.key_value();
    key_value
        .delete(&call.head(), Expect::Version(stored.version))
        .await
        .unwrap();
    let follow = b.calls.follow(&call, birth, 0, &reader, None).await;
    assert_eq!(follow.unwrap(), Follow::Gone);
    let taken = b.calls.take_up(&call, birth, 0, &reader).await;
    assert_eq!(taken.unwrap(), Follow::Gone);
    // The marker is in nobody's way.
    let next = b.open(&call).await;
    assert_ne!(next.birth(), birth);
    let late = key_value
        .put(&call.head(), "{}".into(), Expect::Absent, None)
        .await;
    assert_eq!(late.unwrap_err().kind(), ErrorKind::Conflict);
}
