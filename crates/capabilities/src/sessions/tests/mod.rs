#![allow(clippy::unwrap_used)]

mod budgets;
mod closing;
mod harness;
mod over_replicas;
mod releases;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mcpg_cluster::{Expect, Key};
use mcpg_single_node::SingleNode;
use serde_json::value::RawValue;

use self::harness::{IDLE, TestReplica, backend, fleet_of, key_value, replica};
use super::*;
use crate::testing::tester;

fn record() -> SessionRecord {
    let capabilities = RawValue::from_string(r#"{"roots":{}}"#.to_owned()).unwrap();
    SessionRecord::new("2025-11-25", capabilities.into(), None)
}

fn is_unknown<T>(result: &Result<T, SessionError>) -> bool {
    matches!(result, Err(SessionError::Unknown))
}

#[tokio::test(start_paused = true)]
async fn a_session_can_be_used_by_another_replica_at_once() {
    let backend = backend();
    let (a, b) = (replica(&backend).await, replica(&backend).await);
    let (id, _) = a.create(record()).await.unwrap();
    let Admitted { id: same, record, .. } = b.admit(id.as_str()).await.unwrap();
    assert_eq!(same, id);
    assert_eq!(record.protocol_version, "2025-11-25");
    assert_eq!(record.capabilities.get(), r#"{"roots":{}}"#);
}

#[tokio::test(start_paused = true)]
async fn an_id_that_was_never_minted_is_refused_without_asking_the_coordinator() {
    let backend = backend();
    let sessions = replica(&backend).await;
    let (id, _) = sessions.create(record()).await.unwrap();
    let mut forged = id.as_str().to_owned();
    let last = if forged.ends_with('A') { "B" } else { "A" };
    forged.replace_range(forged.len() - 1.., last);
    for text in [
        forged.as_str(),
        "",
        "x",
        "1868a90c-4bd2-4c30-95b9-7e8b1f2b2f2f",
        "\u{e9}",
    ] {
        assert!(is_unknown(&sessions.admit(text).await), "{text}");
        assert!(is_unknown(&sessions.close(text).await), "{text}");
    }
    // A record under a forged id is no session either: somebody else wrote it.
    key_value(&backend)
        .put(
            &Key::new("sessions", Bytes::from(forged.clone())),
            Bytes::from("{}"),
            Expect::Absent,
            None,
        )
        .await
        .unwrap();
    assert!(is_unknown(&sessions.admit(&forged).await));
}

#[tokio::test(start_paused = true)]
async fn a_session_expires_when_idle_and_lives_while_it_is_used() {
    let backend = backend();
    let (a, b) = (replica(&backend).await, replica(&backend).await);
    let (id, _) = a.create(record()).await.unwrap();
    for round in 0..20 {
        tokio::time::advance(IDLE / 2).await;
        let replica = if round % 2 == 0 { &a } else { &b };
        assert!(replica.admit(id.as_str()).await.is_ok(), "round {round}");
    }
    tokio::time::advance(IDLE - Duration::from_secs(1)).await;
    assert!(
        a.admit(id.as_str()).await.is_ok(),
        "an idle session lives for the whole idle timeout"
    );
    tokio::time::advance(IDLE + IDLE / 4 + Duration::from_millis(1)).await;
    assert!(is_unknown(&a.admit(id.as_str()).await));
    assert!(is_unknown(&b.admit(id.as_str()).await));
}

#[tokio::test(start_paused = true)]
async fn uses_within_a_quarter_of_the_idle_timeout_write_nothing() {
    let backend = backend();
    let sessions = replica(&backend).await;
    let (id, _) = sessions.create(record()).await.unwrap();
    let key = Key::new("sessions", Bytes::from(id.name().to_owned()));
    let backend = key_value(&backend);
    let before = backend.get(&key).await.unwrap().unwrap().version;
    for _ in 0..100 {
        sessions.admit(id.as_str()).await.unwrap();
    }
    assert_eq!(backend.get(&key).await.unwrap().unwrap().version, before);
}

#[tokio::test(start_paused = true)]
async fn a_closed_session_is_gone_everywhere_and_stays_gone() {
    let backend = backend();
    let (a, b) = (replica(&backend).await, replica(&backend).await);
    let (id, _) = a.create(record()).await.unwrap();
    b.admit(id.as_str()).await.unwrap();
    assert!(a.close(id.as_str()).await.is_ok());
    for _ in 0..5 {
        assert!(is_unknown(&a.admit(id.as_str()).await));
        assert!(is_unknown(&b.admit(id.as_str()).await));
        assert!(is_unknown(&b.close(id.as_str()).await));
        assert!(is_unknown(
            &b.change(&id, |record| !std::mem::replace(&mut record.initialized, true))
                .await
        ));
        tokio::time::advance(IDLE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_many_closes_exactly_one_succeeds() {
    let backend = backend();
    let a = replica(&backend).await;
    let b = replica(&backend).await;
    let (id, _) = a.create(record()).await.unwrap();
    let mut closes = tokio::task::JoinSet::new();
    for round in 0..20 {
        let replica = if round % 2 == 0 { &a } else { &b };
        let (sessions, id) = (Arc::clone(&replica.sessions), id.clone());
        closes.spawn(async move { sessions.close(&tester(), id.as_str()).await });
    }
    let results = closes.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(results.iter().all(|result| result.is_ok() || is_unknown(result)));
}

#[tokio::test]
async fn concurrent_changes_of_one_session_are_all_kept() {
    let backend = backend();
    let a = replica(&backend).await;
    let b = replica(&backend).await;
    let (id, _) = a.create(record()).await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for (replica, name) in [(&a, "a"), (&b, "b")] {
        let (replica, id) = (Arc::clone(&replica.sessions), id.clone());
        writers.spawn(async move {
            for number in 0..200 {
                let raw = RawValue::from_string(number.to_string()).unwrap();
                let change = |record: &mut SessionRecord| {
                    record.upstreams.insert(format!("{name}{number}"), raw.clone());
                    true
                };
                replica.change(&id, change).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let record = a.current(&id).await.unwrap();
    assert_eq!(record.upstreams.len(), 400);
}

#[tokio::test(start_paused = true)]
async fn a_replica_mints_no_more_sessions_than_it_may_until_some_are_gone() {
    let backend = backend();
    let sessions = harness::with_limit(&backend, 2).await;
    let (first, _) = sessions.create(record()).await.unwrap();
    sessions.create(record()).await.unwrap();
    assert!(matches!(sessions.create(record()).await, Err(SessionError::Full)));
    sessions.close(first.as_str()).await.unwrap();
    sessions.create(record()).await.unwrap();
    assert!(matches!(sessions.create(record()).await, Err(SessionError::Full)));
    tokio::time::advance(IDLE * 2).await;
    assert!(
        sessions.create(record()).await.is_ok(),
        "expired sessions no longer count"
    );
}
