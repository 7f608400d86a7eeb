use super::*;
use crate::testing::Counting;

#[tokio::test(start_paused = true)]
async fn a_note_is_looked_at_at_once_and_then_removed() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a").await, fleet.replica("b").await);
    a.mailbox.wake(&b.boot, &note("1", 7)).await.unwrap();
    eventually("looked at", RESYNC / 20, || !b.seen.looks.lock().is_empty()).await;
    assert_eq!(*b.seen.looks.lock(), [note("1", 7)]);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(fleet.mail(&b.boot).await, Vec::<String>::new());
    assert!(a.seen.looks.lock().is_empty());
}

#[tokio::test(start_paused = true)]
async fn i1_notes_whose_wake_ups_are_all_lost_are_looked_at_within_a_resync() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.deaf_replica("a").await, fleet.replica("b").await);
    for number in 0..600 {
        a.mailbox.wake(&b.boot, &note("1", number)).await.unwrap();
    }
    eventually("all are looked at", RESYNC * 2, || {
        b.seen.looks.lock().len() == 600
    })
    .await;
    tokio::time::sleep(RESYNC).await;
    assert_eq!(b.seen.looks.lock().len(), 600, "each of them once");
    assert_eq!(fleet.mail(&b.boot).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn mail_that_came_before_its_reader_is_found_when_it_starts() {
    let fleet = Fleet::new();
    let boot = BootId::new("b");
    fleet.silent("a").wake(&boot, &note("1", 1)).await.unwrap();
    let b = fleet.replica("b").await;
    eventually("looked at", RESYNC / 20, || !b.seen.looks.lock().is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn i1_a_look_that_fails_comes_again_until_it_succeeds() {
    let fleet = Fleet::new();
    let b = fleet.replica("b").await;
    *b.seen.failing_looks.lock() = 3;
    fleet.silent("a").wake(&b.boot, &note("1", 1)).await.unwrap();
    eventually("looked at", RESYNC * 4, || !b.seen.looks.lock().is_empty()).await;
    assert_eq!(*b.seen.failing_looks.lock(), 0);
}

#[tokio::test(start_paused = true)]
async fn i11_a_look_that_hangs_delays_no_other() {
    let fleet = Fleet::new();
    let b = fleet.replica("b").await;
    let a = fleet.silent("a");
    for _ in 0..10 {
        a.wake(&b.boot, &note("slow", 1)).await.unwrap();
    }
    a.wake(&b.boot, &note("1", 1)).await.unwrap();
    eventually("looked at", RESYNC / 20, || !b.seen.looks.lock().is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn i8_a_note_costs_its_sender_one_write_and_an_idle_mailbox_one_list_per_resync() {
    let fleet = Fleet::new();
    let counting = Counting::new(fleet.key_value());
    let a = fleet.mailbox("a", counting.clone(), fleet.pubsub());
    a.wake(&BootId::new("b"), &note("1", 1)).await.unwrap();
    assert_eq!(counting.take().total(), 1);
    let idle = Replica::start(fleet.mailbox("c", counting.clone(), fleet.pubsub())).await;
    counting.take();
    tokio::time::sleep(RESYNC * 5).await;
    let used = counting.take();
    assert_eq!((used.lists, used.total()), (5, 5));
    drop(idle);
}

#[tokio::test(start_paused = true)]
async fn acks_reach_the_handler_and_what_is_unknown_is_ignored() {
    let fleet = Fleet::new();
    let b = fleet.replica("b").await;
    let ack = WakeUp::Ack {
        session: "s".to_owned(),
        boot: BootId::new("a"),
    };
    let (topic, pubsub) = (node_topic::topic(&b.boot), fleet.pubsub());
    for payload in [
        Bytes::from_static(b"garbage"),
        Bytes::from_static(br#"{"kind":"later"}"#),
        Bytes::from_static(br#"{"kind":"mail","name":"later/1"}"#),
        Bytes::from_static(br#"{"kind":"mail","name":"note/gone"}"#),
        Bytes::from_static(br#"{"kind":"mail","name":"reply/nobody"}"#),
        ack.to_bytes(),
    ] {
        pubsub.publish(&topic, payload).await.unwrap();
    }
    eventually("heard", RESYNC / 20, || !b.seen.acks.lock().is_empty()).await;
    assert_eq!(*b.seen.acks.lock(), [("s".to_owned(), BootId::new("a"))]);
}

#[tokio::test(start_paused = true)]
async fn garbage_in_the_mail_stops_nobody() {
    let fleet = Fleet::new();
    let b = fleet.replica("b").await;
    let key_value = fleet.key_value();
    for name in [&b"note/x"[..], b"request/x", b"reply/x", b"later/x", b"\xff"] {
        let key = Key::copied("mail/b", name);
        let put = key_value.put(&key, body("garbage"), Expect::Absent, None).await;
        put.unwrap();
    }
    tokio::time::sleep(RESYNC * 2).await;
    fleet.silent("a").wake(&b.boot, &note("1", 1)).await.unwrap();
    eventually("looked at", RESYNC / 20, || !b.seen.looks.lock().is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn i8_a_note_that_comes_with_its_wake_up_is_not_read() {
    let fleet = Fleet::new();
    let counting = Counting::new(fleet.key_value());
    let b = Replica::start(fleet.mailbox("b", counting.clone(), fleet.pubsub())).await;
    let a = fleet.replica("a").await;
    counting.take();
    let hostile = Note {
        at: Key::copied([0, 0xff, b'"'], "a\n*/"),
        version: Version::new(u64::MAX),
    };
    a.mailbox.wake(&b.boot, &hostile).await.unwrap();
    eventually("looked at", RESYNC / 20, || !b.seen.looks.lock().is_empty()).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(*b.seen.looks.lock(), [hostile]);
    // It is removed, and that is all.
    let used = counting.take();
    assert_eq!((used.gets, used.total()), (0, 1));
    assert_eq!(fleet.mail(&b.boot).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_note_that_is_too_large_for_its_wake_up_is_read() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a").await, fleet.replica("b").await);
    let large = Note {
        at: Key::new("call/s", "x".repeat(10_000)),
        version: Version::new(1),
    };
    a.mailbox.wake(&b.boot, &large).await.unwrap();
    eventually("looked at", RESYNC / 20, || !b.seen.looks.lock().is_empty()).await;
    assert_eq!(*b.seen.looks.lock(), [large]);
}
