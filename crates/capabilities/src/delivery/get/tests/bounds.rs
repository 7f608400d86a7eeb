use super::*;

#[tokio::test(start_paused = true)]
async fn d7_what_falls_out_of_the_queue_is_counted_and_the_next_stream_is_told() {
    let mut fleet = Fleet::new();
    fleet.limits.max_events = 3;
    let a = fleet.replica("a");
    let mut lost = 0;
    for number in 0..10 {
        match a.say(&number.to_string()).await {
            Appended::Done { lost: now, .. } => lost += now,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(lost, 7);
    let holder = a.connection();
    let seen = a.attach(1, 0, &holder).await;
    assert!(
        seen[0].contains("messages_lost") && seen[0].contains("\"count\":7"),
        "{seen:?}"
    );
    assert_eq!(seen[1..], ["2:7", "3:8", "4:9"]);
    let next = a.connection();
    let again = a.attach(2, 0, &next).await;
    assert!(again.is_empty(), "it is told once: {again:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_events_are_gone_says_how_many() {
    let mut fleet = Fleet::new();
    fleet.limits.max_events = 3;
    let a = fleet.replica("a");
    let holder = a.connection();
    a.attach(1, 0, &holder).await;
    for number in 1..=10 {
        a.say(&number.to_string()).await;
    }
    match a.look(1, 2, &holder).await {
        Look::Attached(seen) => {
            assert_eq!(texts(&seen), ["8:8", "9:9", "10:10"]);
            assert_eq!((seen.missed, seen.last), (5, 10));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_ninth_stream_is_refused_and_those_of_the_dead_make_room() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    for stream in 0..7 {
        a.attach(stream, 0, &a.connection()).await;
    }
    b.attach(7, 0, &b.connection()).await;
    let ninth = b.connection();
    let refused = b.streams.attach(b.session.name(), 8, 0, &ninth).await.unwrap();
    assert_eq!(refused, Attach::TooMany);
    // One that comes back is none more.
    b.attach(7, 0, &b.connection()).await;
    fleet.kill(&a);
    assert!(b.attach(8, 0, &ninth).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_so_many_streams_are_kept_that_their_clients_have_left() {
    let fleet = Fleet::new();
    let a = fleet.replica("a");
    for stream in 0..20 {
        let holder = a.connection();
        a.attach(stream, 0, &holder).await;
        a.say("x").await;
        a.streams.detach(a.session.name(), stream, &holder).await.unwrap();
    }
    let record = fleet.record().await.unwrap().record;
    let kept: Vec<u64> = record.streams.iter().map(|stream| stream.id).collect();
    assert_eq!(kept, (12..20).collect::<Vec<u64>>());
}

#[tokio::test(start_paused = true)]
async fn large_messages_are_kept_beside_the_record() {
    let fleet = Fleet::new();
    let a = fleet.replica("a");
    let large = "x".repeat(3 * 1024 * 1024);
    a.say(&large).await;
    a.say("small").await;
    let holder = a.connection();
    let seen = a.attach(1, 0, &holder).await;
    assert_eq!(seen, [format!("1:{large}"), "2:small".to_owned()]);
    let entry = fleet.key_value().get(&key(fleet.session.name())).await.unwrap();
    assert!(entry.unwrap().value.len() < 16 * 1024);
}
