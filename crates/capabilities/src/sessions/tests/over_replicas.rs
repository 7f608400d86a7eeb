//! What several replicas see of one session.

use super::*;

#[tokio::test(start_paused = true)]
async fn i5_a_closed_session_is_gone_from_every_cache_before_the_delete_is_answered() {
    let backend = backend();
    let [a, b, c] = fleet_of(&backend).await;
    for _ in 0..20 {
        let (id, _) = a.create(record()).await.unwrap();
        for replica in [&a, &b, &c] {
            replica.admit(id.as_str()).await.unwrap();
            assert!(
                !replica.admit(id.as_str()).await.unwrap().is_current,
                "it is remembered"
            );
        }
        let began = tokio::time::Instant::now();
        b.close(id.as_str()).await.unwrap();
        assert!(
            began.elapsed() < harness::VALIDITY,
            "all are there to acknowledge, so nobody waits for a view to run out"
        );
        for replica in [&a, &b, &c] {
            assert!(is_unknown(&replica.admit(id.as_str()).await));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_waits_for_the_view_of_a_replica_that_hangs() {
    let backend = backend();
    let [a, b, c] = fleet_of(&backend).await;
    let (id, _) = a.create(record()).await.unwrap();
    c.admit(id.as_str()).await.unwrap();
    c.stop_background();
    tokio::task::yield_now().await;
    assert!(
        !c.admit(id.as_str()).await.unwrap().is_current,
        "its view is fresh for a while yet"
    );
    let began = tokio::time::Instant::now();
    b.close(id.as_str()).await.unwrap();
    let took = began.elapsed();
    assert!(took >= harness::VALIDITY, "took {took:?}");
    assert!(
        took <= harness::VALIDITY * 5 / 4 + Duration::from_secs(1),
        "took {took:?}"
    );
    assert!(is_unknown(&c.admit(id.as_str()).await));
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_left_is_not_waited_for() {
    let backend = backend();
    let [a, b, c] = fleet_of(&backend).await;
    let (id, _) = a.create(record()).await.unwrap();
    c.stop_background();
    c.fleet.leave().await;
    let began = tokio::time::Instant::now();
    b.close(id.as_str()).await.unwrap();
    assert!(began.elapsed() < harness::VALIDITY / 2);
    assert!(is_unknown(&a.admit(id.as_str()).await));
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_expires_for_those_who_remember_it_too() {
    let backend = backend();
    let [a, b, _] = fleet_of(&backend).await;
    let (id, _) = a.create(record()).await.unwrap();
    b.admit(id.as_str()).await.unwrap();
    tokio::time::sleep(IDLE + IDLE / 4 + Duration::from_secs(1)).await;
    for replica in [&a, &b] {
        assert!(is_unknown(&replica.admit(id.as_str()).await));
    }
}

#[tokio::test(start_paused = true)]
async fn i4_nothing_is_answered_before_the_data_was_compared_after_a_reconnect() {
    let backend = backend();
    let [a, ..] = fleet_of(&backend).await;
    let (id, _) = a.create(record()).await.unwrap();
    a.fleet.incarnation().distrust();
    for refused in [
        a.admit(id.as_str()).await.err(),
        a.create(record()).await.err(),
        a.close(id.as_str()).await.err(),
    ] {
        assert!(
            matches!(refused, Some(SessionError::Unavailable(_))),
            "{refused:?}"
        );
    }
    a.fleet.incarnation().compare().await.unwrap();
    assert!(a.admit(id.as_str()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_one_replica_changed_another_one_can_read() {
    let backend = backend();
    let [a, b, _] = fleet_of(&backend).await;
    let (id, _) = a.create(record()).await.unwrap();
    b.admit(id.as_str()).await.unwrap();
    a.change(&id, |record| {
        record.log_level = Some("error".to_owned());
        record.subscriptions.insert("file:///x".to_owned())
    })
    .await
    .unwrap();
    let current = b.current(&id).await.unwrap();
    assert_eq!(current.log_level.as_deref(), Some("error"));
    assert!(current.subscriptions.contains("file:///x"));
}

#[tokio::test(start_paused = true)]
async fn an_14_replicas_that_change_different_fields_at_once_lose_nothing() {
    let backend = backend();
    let [a, b, _] = fleet_of(&backend).await;
    let (id, _) = a.create(record()).await.unwrap();
    let subscribing = async {
        for number in 0..500 {
            a.change(&id, |record| {
                record.subscriptions.insert(format!("file:///{number}"))
            })
            .await
            .unwrap();
            tokio::task::yield_now().await;
        }
    };
    let opening = async {
        for number in 0..500 {
            let raw = RawValue::from_string(number.to_string()).unwrap();
            b.change(&id, |record| {
                record.upstreams.insert(number.to_string(), raw.clone()).is_none()
            })
            .await
            .unwrap();
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(subscribing, opening);
    let current = a.current(&id).await.unwrap();
    assert_eq!((current.subscriptions.len(), current.upstreams.len()), (500, 500));
}
