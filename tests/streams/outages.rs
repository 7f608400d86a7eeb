//! The coordinator is away under an open stream.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::deadline::PATIENCE;
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

/// Reads so long without a message that the outage has lasted so long.
async fn silence(stream: &mut Following, limit: Duration) {
    let messages_before = messages(&stream.seen).len();
    let reading = async { while stream.next().await.is_some() {} };
    let _ = timeout(limit, reading).await;
    let _ = messages_before;
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
    silence(&mut follower, OPERATION).await;
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
    let network = fleet.replicas[0].network();
    network.cut().await;
    // After one operation it comes without ids: nobody can come back for it yet.
    let events = timeout(PATIENCE, call.finish())
        .await
        .expect("the result is withheld");
    assert_progress_and_response(&events, &id);
    let (place, response) = messages(&events).last().unwrap().clone();
    assert_eq!(place, None, "it stood in no log");
    network.ok().await;
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
