use super::*;
use crate::testing::{Held, Side};

/// Every step of a replica, held at each of its operations while another replica works, and then let go or never.
#[tokio::test(start_paused = true)]
async fn i2_an_append_that_is_held_up_anywhere_is_made_once() {
    for side in [Side::Before, Side::After, Side::Unanswered] {
        for at in 0..4 {
            let fleet = Fleet::new();
            let held = Held::new(fleet.key_value(), at, side);
            let (a, b) = (fleet.replica_on("a", held.clone()), fleet.replica("b"));
            let task = tokio::spawn(async move {
                let mut batch = said("x", None);
                loop {
                    if let Ok(appended) = a.streams.append(&a.session, &mut batch).await {
                        return appended;
                    }
                }
            });
            let reached = tokio::time::timeout(Duration::from_secs(60), held.reached());
            if reached.await.is_ok() {
                let holder = b.connection();
                b.attach(1, 0, &holder).await;
                b.say("y").await;
                held.release();
            }
            let appended = task.await.unwrap();
            assert!(
                matches!(appended, Appended::Done { .. }),
                "{side:?} {at}: {appended:?}"
            );
            let all = b.attach(1, 0, &b.connection()).await;
            let count = all.iter().filter(|text| text.ends_with(":x")).count();
            assert_eq!(count, 1, "{side:?} {at}: {all:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn i2_an_append_whose_trace_is_gone_is_not_repeated() {
    let fleet = Fleet::new();
    // The first write is applied, and its answer lost; 40 more follow before the replica looks.
    let held = Held::new(fleet.key_value(), 1, Side::Unanswered);
    let (a, b) = (fleet.replica_on("a", held.clone()), fleet.replica("b"));
    b.say("before").await;
    let task = tokio::spawn(async move {
        let mut batch = said("x", None);
        let first = a.streams.append(&a.session, &mut batch).await;
        (first, a.streams.append(&a.session, &mut batch).await)
    });
    held.reached().await;
    for number in 0..40 {
        b.say(&number.to_string()).await;
    }
    held.release();
    let (first, second) = task.await.unwrap();
    assert!(matches!(first, Err(GetError::Indeterminate(_))), "{first:?}");
    assert!(matches!(second, Ok(Appended::Undecided)), "{second:?}");
    let all = b.attach(1, 0, &b.connection()).await;
    assert_eq!(all.iter().filter(|text| text.ends_with(":x")).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_attach_that_is_held_up_anywhere_moves_the_queue_once() {
    for side in [Side::Before, Side::After, Side::Unanswered] {
        for at in 0..4 {
            let fleet = Fleet::new();
            let held = Held::new(fleet.key_value(), at, side);
            let (a, b) = (fleet.replica_on("a", held.clone()), fleet.replica("b"));
            b.say("x").await;
            let holder = a.connection();
            let task = tokio::spawn(async move {
                loop {
                    if let Ok(attach) = a.streams.attach(a.session.name(), 1, 0, &holder).await {
                        return attach;
                    }
                }
            });
            let reached = tokio::time::timeout(Duration::from_secs(60), held.reached());
            let is_held = reached.await.is_ok();
            b.say("y").await;
            if is_held {
                held.release();
            }
            let attach = task.await.unwrap();
            assert!(
                matches!(attach, Attach::Attached { .. }),
                "{side:?} {at}: {attach:?}"
            );
            let all = b.attach(1, 0, &b.connection()).await;
            assert_eq!(all, ["1:x", "2:y"], "{side:?} {at}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_never_an_answer() {
    let fleet = Fleet::new();
    let blackout = crate::testing::Blackout::to_come(fleet.key_value());
    let a = fleet.replica_on("a", blackout.clone());
    let holder = a.connection();
    a.attach(1, 0, &holder).await;
    blackout.begin(Duration::from_secs(60));
    let session = a.session.name();
    let mut batch = said("x", None);
    assert!(a.streams.append(&a.session, &mut batch).await.is_err());
    assert!(a.streams.look(session, 1, &holder, 0, None).await.is_err());
    assert!(a.streams.attach(session, 1, 0, &holder).await.is_err());
    assert!(a.streams.detach(session, 1, &holder).await.is_err());
    assert!(a.streams.close(session).await.is_err());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(matches!(
        a.streams.append(&a.session, &mut batch).await,
        Ok(Appended::Done { .. })
    ));
    assert_eq!(a.reads(1, 0, &holder).await, ["1:x"]);
}
