//! Every order in which the operations of asker, receiver and sweeper can happen.

use super::*;
use crate::testing::{Orders, Turns};

/// Waits for the mail, by a way of its own, and takes it as the receiver would.
async fn take(fleet: Arc<Fleet>, mailbox: Mailbox, seen: Arc<Seen>) {
    let name = loop {
        match fleet.mail(&mailbox.config.boot).await.pop() {
            Some(name) => break name,
            None => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    mailbox.take_request(&name, None, &*seen).await.unwrap();
}

/// Walks through all orders of a request with this patience, its receiver and, if asked for, a sweeper. Gives how many
/// requests were answered, refused and of unknown outcome.
async fn walk(patience: Duration, sweep: bool) -> [usize; 3] {
    let (mut orders, mut outcomes) = (Orders::default(), [0; 3]);
    loop {
        let (fleet, turns) = (Arc::new(Fleet::new()), Turns::default());
        let mailbox = |number, name| {
            let way = turns.way(number, fleet.key_value());
            fleet.mailbox(name, way, fleet.pubsub())
        };
        let (a, b, seen) = (mailbox(0, "a"), mailbox(1, "b"), Seen::new());
        let to = b.config.boot.clone();
        let asked = {
            let to = to.clone();
            tokio::spawn(async move { a.request(&to, "echo", body("x"), patience).await })
        };
        let taking = tokio::spawn(take(fleet.clone(), b, seen.clone()));
        let sweeping = sweep.then(|| {
            let c = mailbox(2, "c");
            tokio::spawn(async move { c.answer_for(&to, None, 10).await.unwrap() })
        });
        orders.walk(&turns).await;
        // Time goes on only where nobody can: the patience of the asker is over when the others are through.
        while !asked.is_finished() {
            tokio::time::sleep(PATIENCE).await;
            orders.go_on(&turns);
        }
        taking.await.unwrap();
        if let Some(sweeping) = sweeping {
            sweeping.await.unwrap();
        }
        let executed = seen.times("x");
        assert!(executed <= 1, "{orders:?}");
        match asked.await.unwrap() {
            Ok(answer) => {
                assert_eq!((answer, executed), (body("x"), 1), "{orders:?}");
                outcomes[0] += 1;
            }
            Err(Undelivered::Refused) => {
                assert_eq!(executed, 0, "{orders:?}");
                outcomes[1] += 1;
            }
            Err(Undelivered::OutcomeUnknown) => outcomes[2] += 1,
            Err(other) => panic!("{orders:?}: {other}"),
        }
        if !orders.more() {
            return outcomes;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn i7_in_every_order_of_an_impatient_asker_and_a_receiver_the_answer_is_true() {
    let outcomes = walk(Duration::from_millis(2_500), false).await;
    assert!(outcomes.iter().all(|times| *times > 0), "{outcomes:?}");
}

#[tokio::test(start_paused = true)]
async fn i7_in_every_order_of_a_sweep_and_a_receiver_the_answer_is_true() {
    let outcomes = walk(Duration::from_secs(600), true).await;
    assert!(outcomes.iter().all(|times| *times > 0), "{outcomes:?}");
}
