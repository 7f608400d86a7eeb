use super::*;

#[tokio::test(start_paused = true)]
async fn d2_a_message_is_on_the_first_stream_of_a_living_replica_and_on_no_other() {
    let fleet = Fleet::new();
    let (a, b, c) = (fleet.replica("a"), fleet.replica("b"), fleet.replica("c"));
    let (at_a, at_b) = (a.connection(), b.connection());
    assert!(a.attach(1, 0, &at_a).await.is_empty());
    assert!(b.attach(2, 0, &at_b).await.is_empty());
    let appended = c.say("x").await;
    assert!(matches!(appended, Appended::Done { wake, .. } if wake == [a.boot.clone()]));
    assert_eq!(a.reads(1, 0, &at_a).await, ["1:x"]);
    assert!(b.reads(2, 0, &at_b).await.is_empty());
    fleet.kill(&a);
    let appended = c.say("y").await;
    assert!(matches!(appended, Appended::Done { wake, .. } if wake == [b.boot.clone()]));
    assert_eq!(b.reads(2, 0, &at_b).await, ["1:y"]);
    assert_eq!(
        a.reads(1, 0, &at_a).await,
        ["1:x"],
        "what is in a log stays there"
    );
}

#[tokio::test(start_paused = true)]
async fn d7_what_is_said_while_nobody_listens_is_on_the_next_stream() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    a.say("x").await;
    b.say("y").await;
    let holder = a.connection();
    assert_eq!(a.attach(1, 0, &holder).await, ["1:x", "2:y"]);
    b.say("z").await;
    assert_eq!(a.reads(1, 2, &holder).await, ["3:z"]);
    let again = a.streams.detach(a.session.name(), 1, &holder).await.unwrap();
    assert!(again.is_some());
    assert_eq!(a.look(1, 3, &holder).await, Look::Displaced);
    a.say("queued").await;
    // Another stream takes the queue, and the first one what stands in its log.
    assert_eq!(b.attach(2, 0, &b.connection()).await, ["1:queued"]);
    assert_eq!(b.attach(1, 1, &b.connection()).await, ["2:y", "3:z"]);
}

#[tokio::test(start_paused = true)]
async fn d4_who_comes_back_elsewhere_displaces_the_connection_before() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let (at_a, at_b) = (a.connection(), b.connection());
    a.attach(1, 0, &at_a).await;
    b.say("x").await;
    b.say("y").await;
    let attach = b.streams.attach(b.session.name(), 1, 1, &at_b).await.unwrap();
    let Attach::Attached { seen, wake } = attach else {
        panic!("{attach:?}");
    };
    assert_eq!(texts(&seen), ["2:y"]);
    assert_eq!(
        wake,
        std::slice::from_ref(&a.boot),
        "who held it before has to look"
    );
    assert_eq!(a.look(1, 2, &at_a).await, Look::Displaced);
    // It lets go of nothing that is not its own.
    assert_eq!(a.streams.detach(a.session.name(), 1, &at_a).await.unwrap(), None);
    assert_eq!(b.reads(1, 2, &at_b).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_the_record_does_not_know_goes_on_behind_its_last_event() {
    let fleet = Fleet::new();
    let a = fleet.replica("a");
    let holder = a.connection();
    assert!(a.attach(7, 41, &holder).await.is_empty());
    a.say("x").await;
    assert_eq!(a.reads(7, 41, &holder).await, ["42:x"]);
}

#[tokio::test(start_paused = true)]
async fn the_first_stream_is_told_and_so_is_who_becomes_the_first() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let (at_a, at_b) = (a.connection(), b.connection());
    a.attach(1, 0, &at_a).await;
    b.attach(2, 0, &at_b).await;
    let is_first = |look: Look| match look {
        Look::Attached(seen) => (seen.is_first, seen.before),
        other => panic!("{other:?}"),
    };
    assert_eq!(is_first(a.look(1, 0, &at_a).await), (true, vec![]));
    assert_eq!(
        is_first(b.look(2, 0, &at_b).await),
        (false, vec![a.owner.clone()])
    );
    let (_, wake) = a
        .streams
        .detach(a.session.name(), 1, &at_a)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(wake, std::slice::from_ref(&b.boot));
    assert_eq!(is_first(b.look(2, 0, &at_b).await), (true, vec![]));
    let back = a.connection();
    a.attach(3, 0, &back).await;
    assert_eq!(
        is_first(a.look(3, 0, &back).await).1,
        std::slice::from_ref(&b.owner)
    );
    fleet.kill(&b);
    assert_eq!(is_first(a.look(3, 0, &back).await), (true, vec![]));
}

#[tokio::test(start_paused = true)]
async fn an_13_a_closed_record_takes_nothing_any_more_and_goes() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let holder = a.connection();
    a.attach(1, 0, &holder).await;
    a.claims("s").await;
    let closed = b.streams.close(b.session.name()).await.unwrap();
    assert_eq!(closed, std::slice::from_ref(&a.boot));
    assert_eq!(a.look(1, 0, &holder).await, Look::Closed);
    assert_eq!(a.say("x").await, Appended::Closed);
    assert_eq!(a.claim("s").await, Claim::Closed);
    let attach = a.streams.attach(a.session.name(), 1, 0, &a.connection()).await;
    assert_eq!(attach.unwrap(), Attach::Closed);
    assert!(b.streams.close(b.session.name()).await.unwrap().is_empty());
    tokio::time::sleep(TTL).await;
    assert!(fleet.record().await.is_none());
    assert!(b.streams.close(b.session.name()).await.unwrap().is_empty());
    assert!(
        fleet.record().await.is_none(),
        "nothing is made where nothing was"
    );
}

#[tokio::test(start_paused = true)]
async fn an_open_stream_keeps_the_record() {
    let fleet = Fleet::new();
    let a = fleet.replica("a");
    let holder = a.connection();
    a.attach(1, 0, &holder).await;
    for _ in 0..8 {
        tokio::time::sleep(TTL / 2).await;
        let kept = a.streams.keep(a.session.name(), 1, &holder, 0, None).await;
        assert!(matches!(kept.unwrap(), Look::Attached(_)));
    }
    tokio::time::sleep(TTL).await;
    assert_eq!(a.look(1, 0, &holder).await, Look::Gone);
}
