//! The coordinator is away under an open stream.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::deadline::{PATIENCE, until_true};
use crate::support::fleet::{Fleet, FleetSettings, OPERATION};
use crate::support::following::{Following, assert_progress_and_response, last_id, messages};
use crate::support::legacy::Session;
use crate::support::upstream::Upstream;

async fn start() -> (Upstream, Fleet) {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url())
        .breakable_network()
        .start()
        .await;
    (upstream, fleet)
}

/// Reads for the length of an outage.
async fn read_for(stream: &mut Following, length: Duration) {
    let reading = async { while stream.next().await.is_some() {} };
    timeout(length, reading).await.expect_err("the stream ended");
}

#[tokio::test]
async fn d11_what_is_said_while_the_coordinator_is_away_is_not_lost() {
    let (upstream, fleet) = start().await;
    let [a, b, c] = &fleet.each();
    let session = Session::open(a).await;
    let arguments = json!({"steps": 100, "interval_ms": 100, "tag": "d11"});
    let id = json!(1);
    let mut call = Following::call(&session, &id, "sleep_with_progress", arguments).await;
    call.read_messages(2).await;
    let mut follower = Following::resume(&session.at(b), &last_id(&call.seen)).await;
    follower.read_messages(2).await;
    for replica in &fleet.replicas {
        replica.network().cut().await;
    }
    read_for(&mut follower, OPERATION).await;
    for replica in &fleet.replicas {
        replica.network().ok().await;
    }
    let followed = timeout(PATIENCE, follower.finish()).await.expect("silence");
    let whole = [call.cut(), followed].concat();
    assert_progress_and_response(&whole, &id);
    let again = Following::resume(&session.at(c), &last_id(&whole[..1])).await;
    assert_eq!(messages(&again.finish().await), messages(&whole));
    let counts = upstream.counts("sleep_with_progress", "d11").await;
    assert_eq!((counts.started, counts.completed), (1, 1));
}

#[tokio::test]
async fn i4_a_result_reaches_its_client_though_the_coordinator_is_away_and_others_find_it_later() {
    let (upstream, fleet) = start().await;
    let [a, b, _] = &fleet.each();
    let session = Session::open(a).await;
    let arguments = json!({"steps": 6, "interval_ms": 300, "tag": "i4"});
    let id = json!("i4");
    let mut call = Following::call(&session, &id, "sleep_with_progress", arguments).await;
    call.read_messages(2).await;
    // For everybody: one that is cut off alone for longer than its lease is found dead by the others.
    for replica in &fleet.replicas {
        replica.network().cut().await;
    }
    // After one operation it comes without ids: nobody can come back for it yet.
    let events = timeout(PATIENCE, call.finish())
        .await
        .expect("the result is withheld");
    assert_progress_and_response(&events, &id);
    let (place, response) = messages(&events).last().unwrap().clone();
    assert_eq!(place, None, "it stood in no log");
    for replica in &fleet.replicas {
        replica.network().ok().await;
    }
    until_true("B knows the session again", async || {
        let nobodys = session.at(b).get().header("last-event-id", "?");
        nobodys.send().await.status == StatusCode::BAD_REQUEST
    })
    .await;
    let again = Following::resume(&session.at(b), &last_id(&events[..1])).await;
    let again = messages(&timeout(PATIENCE, again.finish()).await.expect("silence"));
    let said = |messages: &[(Option<String>, Value)]| -> Vec<Value> {
        messages.iter().map(|(_, message)| message.clone()).collect()
    };
    assert_eq!(said(&again), said(&messages(&events)));
    assert_eq!(again.last().unwrap().1, response);
    let counts = upstream.counts("sleep_with_progress", "i4").await;
    assert_eq!((counts.started, counts.completed), (1, 1));
}
