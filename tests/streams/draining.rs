//! SIGTERM: clients that follow a stream go on elsewhere, calls may finish, and what does not is found out.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::deadline::PATIENCE;
use crate::support::fleet::{Fleet, FleetSettings};
use crate::support::following::{Following, assert_progress_and_response, last_id, messages};
use crate::support::legacy::Session;
use crate::support::upstream::Upstream;

async fn start(shutdown_timeout_ms: u64) -> (Upstream, Fleet) {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url())
        .server("drain_delay_ms", 500)
        .server("shutdown_timeout_ms", shutdown_timeout_ms)
        .start()
        .await;
    (upstream, fleet)
}

async fn call(session: &Session, id: &Value, steps: u64) -> Following {
    let arguments = json!({"steps": steps, "interval_ms": 100, "tag": id});
    let mut call = Following::call(session, id, "sleep_with_progress", arguments).await;
    call.read_messages(2).await;
    call
}

#[tokio::test]
async fn an_21_a_replica_that_stops_lets_its_calls_finish_and_its_followers_go_on_elsewhere() {
    let (_upstream, mut fleet) = start(30_000).await;
    let [a, b, c] = fleet.each();
    let session = Session::open(&a).await;
    let (own, others) = (json!("at a"), json!("at b"));
    let own_call = call(&session, &own, 30).await;
    let call_of_b = call(&session.at(&b), &others, 40).await;
    let first = call_of_b.cut();
    let mut follower = Following::resume(&session, &last_id(&first)).await;
    follower.read_messages(1).await;
    fleet.replicas[0].program.terminate();
    // The follower is let go at once and told when to come back.
    let second = timeout(PATIENCE, follower.finish()).await.unwrap();
    assert!(second.last().unwrap().retry.is_some(), "{second:?}");
    let third = Following::resume(&session.at(&c), &last_id(&second))
        .await
        .finish()
        .await;
    assert_progress_and_response(&[first, second, third].concat(), &others);
    assert_progress_and_response(&own_call.finish().await, &own);
    fleet.replicas[0].program.exit(PATIENCE).await;
}

#[tokio::test]
async fn an_21_a_call_that_does_not_finish_in_time_is_found_out_at_another_replica() {
    let (upstream, mut fleet) = start(500).await;
    let [a, b, _] = fleet.each();
    let session = Session::open(&a).await;
    let id = json!("cut off");
    let call = call(&session, &id, 600).await;
    let replica = &mut fleet.replicas[0].program;
    replica.terminate();
    let first = call.finish().await;
    replica.exit(PATIENCE).await;
    // Its lease was given back, so nobody has to wait for the end of it.
    let again = Following::resume(&session.at(&b), &last_id(&first)).await;
    let again = timeout(Duration::from_secs(10), again.finish())
        .await
        .expect("silence");
    let (_, error) = messages(&again).last().unwrap().clone();
    assert_eq!(
        (&error["id"], &error["error"]["data"]["reason"]),
        (&id, &json!("outcome_unknown"))
    );
    let counts = upstream.counts("sleep_with_progress", "cut off").await;
    assert_eq!(counts.started, 1);
}
