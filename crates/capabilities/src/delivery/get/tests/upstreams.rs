use super::*;
use crate::delivery::get::index;

#[tokio::test(start_paused = true)]
async fn one_replica_holds_an_upstreams_stream_and_a_successor_goes_on_where_it_stopped() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let (place, claimed) = a.claims("s").await;
    assert_eq!(place, None);
    assert_eq!(b.claim("s").await, Claim::Theirs);
    let mut first = said("x", Some(a.at(claimed, "e1")));
    a.streams.append(&a.session, &mut first).await.unwrap();
    assert_eq!(a.claims("s").await.0.as_deref(), Some("e1"), "it is claimed once");
    fleet.kill(&a);
    let (place, taken) = b.claims("s").await;
    assert_eq!(place.as_deref(), Some("e1"));
    let mut late = said("late", Some(a.at(claimed, "e2")));
    let refused = a.streams.append(&a.session, &mut late).await.unwrap();
    assert_eq!(refused, Appended::NotClaimant);
    let mut next = said("y", Some(b.at(taken, "e2")));
    b.streams.append(&b.session, &mut next).await.unwrap();
    let holder = b.connection();
    assert_eq!(b.attach(1, 0, &holder).await, ["1:x", "2:y"]);
}

#[tokio::test(start_paused = true)]
async fn the_place_in_a_session_that_was_opened_anew_is_forgotten() {
    let fleet = Fleet::new();
    let a = fleet.replica("a");
    let (_, claimed) = a.claims("s").await;
    let mut batch = Batch::new(Vec::new(), Some(a.at(claimed, "e1")));
    a.streams.append(&a.session, &mut batch).await.unwrap();
    assert_eq!(a.claims("s").await.0.as_deref(), Some("e1"));
    assert_eq!(a.claims("another").await.0, None);
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_replica_held_is_found_and_taken_over() {
    let fleet = Fleet::new();
    let (a, b, c) = (fleet.replica("a"), fleet.replica("b"), fleet.replica("c"));
    let (_, claimed) = a.claims("s").await;
    let mut batch = said("x", Some(a.at(claimed, "e1")));
    a.streams.append(&a.session, &mut batch).await.unwrap();
    let holder = c.connection();
    c.attach(1, 0, &holder).await;
    let claimant = b.claimant();
    let sweep = || b.streams.take_over(&a.boot, &claimant, None, 10);
    let alive = sweep().await.unwrap();
    assert_eq!((alive.taken.len(), alive.kept), (0, 1));
    fleet.kill(&a);
    let dead = sweep().await.unwrap();
    assert_eq!((dead.taken.len(), dead.kept), (1, 0));
    assert_eq!(dead.taken[0].session, fleet.session.name());
    assert_eq!(dead.taken[0].wake, std::slice::from_ref(&c.boot));
    assert_eq!(b.claims("s").await.0.as_deref(), Some("e1"));
    assert!(sweep().await.unwrap().taken.is_empty(), "nothing is left");
    // The new claimant is found when it dies too.
    fleet.kill(&b);
    let third = c.streams.take_over(&b.boot, &c.claimant(), None, 10).await;
    assert_eq!(third.unwrap().taken.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_index_entry_goes_with_the_last_claim() {
    let fleet = Fleet::new();
    let a = fleet.replica("a");
    a.claims("s").await;
    let entry = index::key(&a.boot, a.session.name());
    assert!(fleet.key_value().get(&entry).await.unwrap().is_some());
    let (_, claimed) = a.claims("s").await;
    for _ in 0..4 {
        tokio::time::sleep(TTL / 2).await;
        let kept = a
            .streams
            .keep_claim(a.session.name(), "up", &a.claimant(), claimed)
            .await;
        assert!(kept.unwrap());
    }
    let released = a
        .streams
        .release_upstream(a.session.name(), "up", &a.claimant())
        .await;
    released.unwrap();
    assert!(fleet.key_value().get(&entry).await.unwrap().is_none());
    let kept = a
        .streams
        .keep_claim(a.session.name(), "up", &a.claimant(), claimed)
        .await;
    assert!(!kept.unwrap());
}
