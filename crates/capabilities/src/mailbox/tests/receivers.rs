//! Receivers whose wake-ups break, whose lists hang, and that are stopped, started again or started twice.

use futures_util::{StreamExt, stream};
use mcpg_cluster::{Error, ErrorKind, Event};

use super::*;
use crate::mailbox::names;
use crate::mailbox::reply::{Reply, ReplyState};
use crate::store::Writer;
use crate::testing::{Blackout, Held, Side};

/// A pubsub whose first subscriptions fail, hang up or say that something was missed.
struct Shaky {
    inner: Arc<dyn PubSub>,
    subscriptions: AtomicUsize,
}

#[async_trait]
impl PubSub for Shaky {
    async fn publish(&self, topic: &[u8], payload: Bytes) -> Result<()> {
        self.inner.publish(topic, payload).await
    }

    async fn subscribe(&self, topic: &[u8]) -> Result<EventStream> {
        let broken = || Error::new(ErrorKind::Unavailable, "the connection broke");
        match self.subscriptions.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => Err(broken()),
            2 => Ok(stream::once(async move { Err(broken()) }).boxed()),
            3 => Ok(stream::empty().boxed()),
            4 => Ok(stream::once(async { Ok(Event::Gap) })
                .chain(stream::once(async move { Err(broken()) }))
                .boxed()),
            _ => self.inner.subscribe(topic).await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_subscription_is_renewed_and_what_came_meanwhile_is_found() {
    let fleet = Fleet::new();
    let shaky = Arc::new(Shaky {
        inner: fleet.pubsub(),
        subscriptions: AtomicUsize::new(0),
    });
    let b = Replica::start(fleet.mailbox("b", fleet.key_value(), shaky.clone())).await;
    let a = fleet.silent("a");
    a.wake(&b.boot, &note("1", 1)).await.unwrap();
    eventually("found by a list", RESYNC + RESYNC / 20, || {
        !b.seen.looks.lock().is_empty()
    })
    .await;
    eventually("subscribed", RESYNC * 10, || {
        shaky.subscriptions.load(Ordering::SeqCst) == 6
    })
    .await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    a.wake(&b.boot, &note("2", 1)).await.unwrap();
    eventually("woken", RESYNC / 20, || b.seen.looks.lock().len() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn i11_a_list_that_hangs_delays_no_mail() {
    let fleet = Fleet::new();
    // The first list is the first operation of a mailbox.
    let held = Held::new(fleet.key_value(), 0, Side::Before);
    let b = Replica::start(fleet.mailbox("b", held.clone(), fleet.pubsub())).await;
    held.reached().await;
    fleet.silent("a").wake(&b.boot, &note("1", 1)).await.unwrap();
    eventually("looked at", RESYNC / 20, || !b.seen.looks.lock().is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn i1_a_gap_in_the_wake_ups_makes_the_mail_be_listed() {
    let fleet = Fleet::new();
    let b = Replica::start(fleet.mailbox("b", fleet.key_value(), Arc::new(LateGap))).await;
    fleet.silent("a").wake(&b.boot, &note("1", 1)).await.unwrap();
    eventually("found", RESYNC / 2, || !b.seen.looks.lock().is_empty()).await;
}

/// A pubsub that says half a second later that something was missed, and nothing else.
struct LateGap;

#[async_trait]
impl PubSub for LateGap {
    async fn publish(&self, _topic: &[u8], _payload: Bytes) -> Result<()> {
        Ok(())
    }

    async fn subscribe(&self, _topic: &[u8]) -> Result<EventStream> {
        let gap = async {
            tokio::time::sleep(RESYNC / 4).await;
            Ok(Event::Gap)
        };
        Ok(stream::once(gap).chain(stream::pending()).boxed())
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_under_way_is_not_begun_again_by_a_list() {
    let fleet = Fleet::new();
    let b = fleet.replica("b").await;
    fleet.silent("a").wake(&b.boot, &note("slow", 1)).await.unwrap();
    tokio::time::sleep(RESYNC * 4).await;
    assert_eq!(b.seen.begun_looks.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn i11_looks_that_fail_are_repeated_once_per_resync_however_many_there_are() {
    let fleet = Fleet::new();
    let b = fleet.replica("b").await;
    *b.seen.failing_looks.lock() = usize::MAX;
    let a = fleet.silent("a");
    for number in 0..400 {
        a.wake(&b.boot, &note("1", number)).await.unwrap();
    }
    tokio::time::sleep(RESYNC * 4).await;
    let begun = b.seen.begun_looks.load(Ordering::SeqCst);
    assert!((400 * 3..=400 * 6).contains(&begun), "{begun} looks");
}

#[tokio::test(start_paused = true)]
async fn i7_a_receiver_that_was_stopped_after_taking_says_that_it_did_not_execute() {
    let fleet = Fleet::new();
    let a = fleet.replica("a").await;
    // 0 is the list at the start, 1 the read of the mail, 2 the write that takes it.
    let held = Held::new(fleet.key_value(), 2, Side::After);
    let b = Replica::start(fleet.mailbox("b", held.clone(), fleet.pubsub())).await;
    let (mailbox, to) = (a.mailbox.clone(), b.boot.clone());
    let asked = tokio::spawn(async move { mailbox.request(&to, "echo", body("x"), PATIENCE).await });
    held.reached().await;
    b.running.abort();
    let again = Replica::start(b.mailbox.clone()).await;
    let answer = asked.await.unwrap();
    assert!(matches!(answer, Err(Undelivered::Refused)), "{answer:?}");
    assert_eq!((b.seen.times("x"), again.seen.times("x")), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn i7_a_receiver_that_was_overtaken_by_its_twin_does_not_execute_what_that_refused() {
    let fleet = Fleet::new();
    let a = fleet.replica("a").await;
    let held = Held::new(fleet.key_value(), 2, Side::After);
    let b = Replica::start(fleet.mailbox("b", held.clone(), fleet.pubsub())).await;
    let (mailbox, to) = (a.mailbox.clone(), b.boot.clone());
    let asked = tokio::spawn(async move { mailbox.request(&to, "echo", body("x"), PATIENCE).await });
    held.reached().await;
    let twin = Replica::start(b.mailbox.clone()).await;
    let answer = asked.await.unwrap();
    assert!(matches!(answer, Err(Undelivered::Refused)), "{answer:?}");
    held.release();
    tokio::time::sleep(RESYNC * 2).await;
    assert_eq!((b.seen.times("x"), twin.seen.times("x")), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn i2_of_two_replies_the_first_one_stays() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.silent("a"), fleet.silent("b"));
    let asker = BootId::new("a");
    let key = names::key(&asker, "reply/1");
    let writer = Writer::new(fleet.key_value(), PATIENCE);
    let waiting = writer.write(&key, Reply::waiting(), Expect::Absent, Some(PATIENCE));
    waiting.await.unwrap();
    for (mailbox, state) in [(&a, ReplyState::Unknown), (&b, ReplyState::Answered)] {
        let reply = mailbox.reply(&asker, "reply/1", PATIENCE, state, body("x"));
        reply.await.unwrap();
    }
    let stands = writer.read::<Reply>(&key).await.unwrap().unwrap();
    assert_eq!(stands.record.state, ReplyState::Unknown);
    let gone = b.reply(&asker, "reply/2", PATIENCE, ReplyState::Answered, body("x"));
    gone.await.unwrap();
    assert_eq!(
        fleet.mail(&asker).await,
        ["reply/1"],
        "a reply is never created by another"
    );
}

#[tokio::test(start_paused = true)]
async fn i7_a_request_taken_just_before_an_outage_is_executed_after_it() {
    for puts_before in [0, 1] {
        let fleet = Fleet::new();
        let a = fleet.replica("a").await;
        let length = Duration::from_secs(4);
        let blackout = Blackout::after_puts(fleet.key_value(), puts_before, length);
        let b = Replica::start(fleet.mailbox("b", blackout, fleet.pubsub())).await;
        // The first write takes the mail, the second one is the reply.
        let answer = a.mailbox.request(&b.boot, "echo", body("x"), PATIENCE).await;
        assert_eq!(answer.unwrap(), body("x"));
        assert_eq!(b.seen.times("x"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn i1_a_replica_that_was_cut_off_for_longer_than_notes_live_looks_at_everything() {
    for (length, missed) in [(20, 0), (70, 1)] {
        let fleet = Fleet::new();
        let blackout = Blackout::to_come(fleet.key_value());
        let b = Replica::start(fleet.mailbox("b", blackout.clone(), fleet.pubsub())).await;
        blackout.begin(Duration::from_secs(length));
        let a = fleet.deaf_replica("a").await;
        a.mailbox.wake(&b.boot, &note("1", 1)).await.unwrap();
        tokio::time::sleep(Duration::from_secs(length) + RESYNC).await;
        let seen = (b.seen.looks.lock().len(), b.seen.missed.load(Ordering::SeqCst));
        assert_eq!(seen, (1 - missed, missed), "cut off for {length} s");
        tokio::time::sleep(RESYNC * 10).await;
        assert_eq!(b.seen.missed.load(Ordering::SeqCst), missed);
    }
}

#[tokio::test(start_paused = true)]
async fn i11_looks_that_hang_give_their_room_back() {
    let fleet = Fleet::new();
    let b = fleet.replica("b").await;
    let a = fleet.silent("a");
    for _ in 0..300 {
        a.wake(&b.boot, &note("slow", 1)).await.unwrap();
    }
    a.wake(&b.boot, &note("1", 1)).await.unwrap();
    // They are repeated as long as they live; those that never had their turn get it in between.
    eventually("looked at", Duration::from_secs(59), || {
        !b.seen.looks.lock().is_empty()
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn i11_requests_that_hang_give_their_room_back() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a").await, fleet.replica("b").await);
    for _ in 0..4 {
        let (mailbox, to) = (a.mailbox.clone(), b.boot.clone());
        tokio::spawn(async move { mailbox.request(&to, "hold", body("slow"), RESYNC).await });
    }
    eventually("four run", RESYNC, || b.seen.times("slow") == 4).await;
    tokio::time::sleep(Duration::from_secs(60) + RESYNC * 3).await;
    let answer = a.mailbox.request(&b.boot, "echo", body("x"), PATIENCE).await;
    assert_eq!(answer.unwrap(), body("x"));
}
