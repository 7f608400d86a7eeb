//! What a step says whose write took effect before the answer was lost, or whose future was dropped.

use super::*;
use crate::testing::{Held, Side};

/// A call of A that is held at one operation, with B beside it.
struct Scene {
    fleet: Fleet,
    call: CallKey,
    held: Arc<Held>,
    a: Replica,
    b: Replica,
}

impl Scene {
    /// Operation 0 is the index entry, 1 the head, 2 the step after.
    fn held_at(operation: usize, side: Side) -> Self {
        let fleet = Fleet::new();
        let held = Held::new(fleet.key_value(), operation, side);
        Self {
            call: fleet.call("1"),
            a: fleet.replica_on("a", held.clone()),
            b: fleet.replica("b"),
            held,
            fleet,
        }
    }
}

/// Drops a step at the place where the replica is held.
async fn drop_at<T: std::fmt::Debug>(held: &Held, step: impl Future<Output = T>) {
    tokio::select! {
        done = step => panic!("{done:?}"),
        () = held.reached() => {}
    }
}

#[tokio::test(start_paused = true)]
async fn i2_an_opening_that_is_tried_again_finds_its_own_head() {
    for side in [Side::Before, Side::After] {
        let scene = Scene::held_at(1, side);
        let mut opening = scene.a.opening(&scene.call);
        drop_at(&scene.held, opening.open()).await;
        let opened = opening.open().await.unwrap();
        let Opened::Open(mut open) = opened else {
            panic!("{opened:?}");
        };
        assert_eq!(scene.fleet.indexed(&scene.a.boot).await, 1);
        assert_eq!(open.end().await.unwrap(), Ended::Mine);
        open.tidy().await;
        assert_eq!(scene.fleet.indexed(&scene.a.boot).await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn i2_an_opening_whose_head_was_cancelled_or_claimed_before_it_was_known_says_so() {
    let scene = Scene::held_at(1, Side::Unanswered);
    let mut opening = scene.a.opening(&scene.call);
    let running = tokio::spawn(async move { opening.open().await.unwrap() });
    scene.held.reached().await;
    scene.b.calls.cancel(&scene.call).await.unwrap();
    scene.held.release();
    assert!(matches!(running.await.unwrap(), Opened::Cancelled));

    let scene = Scene::held_at(1, Side::Unanswered);
    let mut opening = scene.a.opening(&scene.call);
    let running = tokio::spawn(async move { opening.open().await.unwrap() });
    scene.held.reached().await;
    scene.fleet.judge.kill(&scene.a.owner);
    let mut successor = scene.b.open(&scene.call).await;
    scene.held.release();
    assert!(matches!(running.await.unwrap(), Opened::Claimed));
    assert_eq!(successor.end().await.unwrap(), Ended::Mine);
}

#[tokio::test(start_paused = true)]
async fn i2_an_end_that_is_tried_again_is_the_same_end() {
    for side in [Side::Before, Side::After] {
        let scene = Scene::held_at(2, side);
        let mut open = scene.a.open(&scene.call).await;
        drop_at(&scene.held, open.end()).await;
        assert_eq!(open.end().await.unwrap(), Ended::Mine);
        assert_eq!(open.end().await.unwrap(), Ended::Mine);
    }
}

#[tokio::test(start_paused = true)]
async fn i2_a_question_that_was_cancelled_before_its_number_was_known_is_not_asked() {
    let scene = Scene::held_at(2, Side::Unanswered);
    let mut open = scene.a.open(&scene.call).await;
    let running = tokio::spawn(async move { open.ask().await.unwrap() });
    scene.held.reached().await;
    scene.b.calls.cancel(&scene.call).await.unwrap();
    scene.held.release();
    assert_eq!(running.await.unwrap(), Err(Refused::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn i2_a_dropped_question_uses_up_its_number_at_the_most() {
    for (side, expected) in [(Side::Before, 1), (Side::After, 2)] {
        let scene = Scene::held_at(2, side);
        let mut open = scene.a.open(&scene.call).await;
        drop_at(&scene.held, open.ask()).await;
        assert_eq!(open.ask().await.unwrap(), Ok(expected));
    }
}
