//! The gateway lets go of a client where the upstream lets go of the gateway.

use http::StatusCode;
use serde_json::json;

use crate::support::deadline::PATIENCE;
use crate::support::fleet::FleetSettings;
use crate::support::following::{Following, last_id, messages};
use crate::support::http::Answer;
use crate::support::legacy::Session;
use crate::support::mcp::text_of;
use crate::support::upstream::Upstream;

#[tokio::test]
async fn d5_a_client_that_was_let_go_polls_at_another_replica_for_what_ran_on() {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
    let [a, b, _] = &fleet.each();
    let session = Session::open(a).await;
    let arguments = json!({"ms": 300, "tag": "d5"});
    let call = Following::call(&session, &json!(1), "drop_stream", arguments).await;
    let first = call.finish().await;
    assert_eq!(messages(&first), [], "nothing but places");
    let retry = first.last().and_then(|event| event.retry.as_deref());
    let retry: u64 = retry
        .expect("the client is told when to come back")
        .parse()
        .unwrap();
    assert!((500..=5000).contains(&retry), "{retry}");
    let second = Following::resume(&session.at(b), &last_id(&first)).await;
    let second = tokio::time::timeout(PATIENCE, second.finish()).await.unwrap();
    let [(_, response)] = &messages(&second)[..] else {
        panic!("{second:?}")
    };
    assert_eq!(response["id"], 1);
    let counts = upstream.counts("drop_stream", "d5").await;
    assert_eq!((counts.started, counts.completed), (1, 1));
}

#[tokio::test]
async fn d5_a_client_of_an_older_revision_is_not_let_go() {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
    let [a, ..] = &fleet.each();
    for revision in ["2025-03-26", "2025-06-18"] {
        let session = Session::open_as(a, revision, json!({})).await;
        let result = session.tool("drop_stream", json!({"ms": 300})).await;
        assert!(!text_of(&result).is_empty());
        let arguments = json!({"steps": 2, "interval_ms": 50});
        let call = Following::call(&session, &json!("p"), "sleep_with_progress", arguments).await;
        let events = call.finish().await;
        for event in &events {
            assert_ne!(
                event.data.as_deref().unwrap_or_default(),
                "",
                "{revision}: {event:?}"
            );
            assert!(event.id.is_some(), "{revision}: {event:?}");
        }
        // From the first real event on it can be resumed.
        let again = Following::resume(&session, events[0].id.as_deref().unwrap()).await;
        assert_eq!(again.finish().await, events[1..], "{revision}");
    }
}

#[tokio::test]
async fn d6_an_event_id_of_nobody_is_refused() {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
    let [a, b, _] = &fleet.each();
    let session = Session::open(a).await;
    let arguments = json!({"steps": 2, "interval_ms": 50});
    let call = Following::call(&session, &json!(1), "sleep_with_progress", arguments).await;
    let id = last_id(&call.finish().await);
    let stranger = Session::open(b).await;
    let ask = async |session: &Session, id: &str| -> Answer {
        session.get().header("last-event-id", id).send().await
    };
    for (session, id) in [(&session, "1"), (&session, &id[1..]), (&stranger, &id)] {
        let refused = ask(&session.at(b), id).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        let why = refused.json().await["error"]["message"].take();
        assert_eq!(
            why,
            "invalid request: the Last-Event-ID was not minted for this session"
        );
    }
    assert_eq!(ask(&session.at(b), &id).await.status, StatusCode::OK);
    assert_eq!(session.delete().await, StatusCode::NO_CONTENT);
    assert_eq!(ask(&session.at(b), &id).await.status, StatusCode::NOT_FOUND);
}
