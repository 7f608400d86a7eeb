//! Cancels of calls whose streams are followed elsewhere, and disconnects, which are none.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::deadline::until;
use crate::support::fleet::{Fleet, FleetSettings, OPERATION};
use crate::support::following::{Following, last_id, messages};
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

fn steps(steps: u64, interval_ms: u64, tag: &str) -> Value {
    json!({"steps": steps, "interval_ms": interval_ms, "tag": tag})
}

fn responses(events: &[crate::support::sse::Event]) -> Vec<Value> {
    let all = messages(events).into_iter().map(|(_, message)| message);
    all.filter(|message| message.get("method").is_none()).collect()
}

#[tokio::test]
async fn c1_a_cancel_anywhere_closes_the_stream_that_is_followed_anywhere() {
    let (upstream, fleet) = start().await;
    let each = &fleet.each();
    let session = Session::open(&each[0]).await;
    for cancelled_at in [0, 1, 2] {
        let tag = format!("c1 {cancelled_at}");
        let id = json!(format!("call {cancelled_at}"));
        let mut call = Following::call(&session, &id, "sleep_with_progress", steps(200, 100, &tag)).await;
        call.read_messages(1).await;
        let place = last_id(&call.cut());
        let mut follower = Following::resume(&session.at(&each[1]), &place).await;
        follower.read_messages(1).await;
        assert_eq!(
            session.at(&each[cancelled_at]).cancel(&id).await,
            StatusCode::ACCEPTED
        );
        assert_eq!(responses(&follower.finish().await), [] as [Value; 0]);
        upstream
            .counts_reach("sleep_with_progress", &tag, |counts| counts.cancelled == 1)
            .await;
        // Nor does whoever comes back later get one.
        let late = Following::resume(&session.at(&each[2]), &place).await;
        assert_eq!(responses(&late.finish().await), [] as [Value; 0]);
    }
}

#[tokio::test]
async fn c3_a_cancel_and_the_end_of_a_call_have_one_outcome() {
    let (upstream, fleet) = start().await;
    let each = &fleet.each();
    let session = Session::open(&each[0]).await;
    for round in 0..12_u64 {
        let tag = format!("c3 {round}");
        let id = json!(tag);
        let mut call = Following::call(&session, &id, "sleep_with_progress", steps(3, 20, &tag)).await;
        call.next().await;
        call.read_messages(usize::try_from(round % 4).unwrap()).await;
        let place = last_id(&call.seen);
        let canceller = session.at(&each[usize::try_from(round % 3).unwrap()]);
        let (status, events) = tokio::join!(canceller.cancel(&id), call.finish());
        assert_eq!(status, StatusCode::ACCEPTED);
        let here = responses(&events);
        assert!(here.len() <= 1, "{here:?}");
        for endpoint in each {
            let again = Following::resume(&session.at(endpoint), &place)
                .await
                .finish()
                .await;
            assert_eq!(responses(&again), here, "round {round}");
        }
        let counts = upstream.counts("sleep_with_progress", &tag).await;
        assert_eq!(counts.started, 1);
    }
}

#[tokio::test]
async fn c5_a_lost_connection_is_no_cancel_and_the_result_is_there_for_whoever_comes_back() {
    let (upstream, fleet) = start().await;
    let each = &fleet.each();
    let session = Session::open(&each[0]).await;
    let id = json!("left");
    let mut call = Following::call(&session, &id, "sleep_with_progress", steps(10, 60, "c5")).await;
    call.next().await;
    let place = last_id(&call.cut());
    upstream
        .counts_reach("sleep_with_progress", "c5", |counts| counts.completed == 1)
        .await;
    for endpoint in each {
        let events = Following::resume(&session.at(endpoint), &place)
            .await
            .finish()
            .await;
        let [response] = &responses(&events)[..] else {
            panic!("{events:?}")
        };
        assert_eq!(response["id"], id);
        assert!(response["result"].is_object(), "{response}");
    }
    let counts = upstream.counts("sleep_with_progress", "c5").await;
    assert_eq!((counts.started, counts.completed, counts.cancelled), (1, 1, 0));
}

#[tokio::test]
async fn c10_a_cancel_that_cannot_be_kept_is_not_acknowledged() {
    let (upstream, fleet) = start().await;
    let each = &fleet.each();
    let session = Session::open(&each[0]).await;
    let sessions_known = session
        .at(&each[2])
        .tool("echo", json!({"message": "known"}))
        .await;
    assert!(sessions_known.is_object());
    let id = json!("cut off");
    let mut call = Following::call(&session, &id, "sleep_with_progress", steps(400, 100, "c10")).await;
    call.read_messages(1).await;
    for partitioned in [2, 0] {
        let network = fleet.replicas[partitioned].network();
        network.cut().await;
        let canceller = session.at(&each[partitioned]);
        let status = tokio::time::timeout(OPERATION * 3, canceller.cancel(&id)).await;
        assert_eq!(
            status.expect("an answer in time"),
            StatusCode::SERVICE_UNAVAILABLE
        );
        network.ok().await;
        // The call was not told: it goes on.
        let count = messages(&call.seen).len();
        call.read_messages(count + 1).await;
    }
    until("the cancel is taken again", OPERATION * 3, async || {
        let status = session.at(&each[2]).cancel(&id).await;
        (status == StatusCode::ACCEPTED).then_some(())
    })
    .await;
    assert_eq!(responses(&call.finish().await), [] as [Value; 0]);
    upstream
        .counts_reach("sleep_with_progress", "c10", |counts| counts.cancelled == 1)
        .await;
}

#[tokio::test]
async fn s4_the_end_of_a_session_ends_the_streams_of_its_calls_everywhere() {
    let (upstream, fleet) = start().await;
    let [a, b, c] = &fleet.each();
    let session = Session::open(a).await;
    let mut here = Following::call(&session, &json!(1), "sleep_with_progress", steps(400, 100, "s4")).await;
    here.read_messages(1).await;
    let mut there = Following::call(&session, &json!(2), "sleep_with_progress", steps(400, 100, "s4")).await;
    there.read_messages(1).await;
    let mut followed = Following::resume(&session.at(b), &last_id(&there.cut())).await;
    followed.read_messages(1).await;
    assert_eq!(session.at(c).delete().await, StatusCode::NO_CONTENT);
    assert_eq!(responses(&here.finish().await), [] as [Value; 0]);
    assert_eq!(responses(&followed.finish().await), [] as [Value; 0]);
    upstream
        .counts_reach("sleep_with_progress", "s4", |counts| counts.cancelled == 2)
        .await;
}
