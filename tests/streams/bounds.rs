//! What is large is read elsewhere like what is small, and what is kept for clients that come back has its bounds.

use serde_json::{Value, json};

use crate::support::deadline::PATIENCE;
use crate::support::fleet::{Fleet, FleetSettings};
use crate::support::following::{Following, last_id, messages};
use crate::support::gateway::Settings;
use crate::support::legacy::Session;
use crate::support::sse::Event;
use crate::support::upstream::Upstream;

/// Three replicas whose calls are streams from the beginning.
async fn start(delivery: Value) -> (Upstream, Fleet) {
    let upstream = Upstream::legacy().await;
    let settings = Settings::in_front_of(&upstream.url())
        .server("upgrade_after_ms", 0)
        .configurations(json!({"delivery": delivery}));
    let fleet = FleetSettings::new(settings).start().await;
    (upstream, fleet)
}

/// Calls a tool and leaves as soon as there is something to come back to.
async fn leave(session: &Session, id: u64, name: &str, arguments: Value) -> Vec<Event> {
    let mut call = Following::call(session, &json!(id), name, arguments).await;
    call.next().await.expect("a place to come back to");
    call.cut()
}

/// Comes back and reads to the end: the last message, with its id.
async fn comes_back(session: &Session, from: &[Event]) -> (Option<String>, Value) {
    let resumed = Following::resume(session, &last_id(from)).await;
    let events = tokio::time::timeout(PATIENCE, resumed.finish()).await;
    let messages = messages(&events.expect("it ends in time"));
    messages.last().expect("it ends with a message").clone()
}

fn text_bytes(response: &Value) -> usize {
    let text = response["result"]["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("no text: {response}")).len()
}

#[tokio::test]
async fn d4_a_result_of_several_megabytes_is_read_at_another_replica() {
    let (_upstream, fleet) = start(json!({})).await;
    let [a, b, c] = &fleet.each();
    let session = Session::open(a).await;
    let first = leave(&session, 1, "large", json!({"bytes": 5_000_000})).await;
    for replica in [b, c, a] {
        let (_, response) = comes_back(&session.at(replica), &first).await;
        assert_eq!(text_bytes(&response), 5_000_000);
    }
}

#[tokio::test]
async fn d7_who_comes_back_to_what_is_kept_no_longer_is_told_so() {
    let (_upstream, fleet) = start(json!({"max_events": 3})).await;
    let [a, b, _] = &fleet.each();
    let session = Session::open(a).await;
    let arguments = json!({"steps": 8, "interval_ms": 20});
    let first = leave(&session, 1, "sleep_with_progress", arguments.clone()).await;
    let whole = Following::call(&session, &json!(2), "sleep_with_progress", arguments).await;
    let whole = whole.finish().await;
    // The first call, which began earlier and takes as long, is over as well once its response is there.
    let (_, error) = comes_back(&session.at(b), &first).await;
    assert_eq!(error["id"], 1);
    assert_eq!(error["error"]["data"]["reason"], "events_lost", "{error}");
    // What is still kept is read as ever.
    let logged: Vec<Event> = whole.into_iter().filter(|event| event.id.is_some()).collect();
    let late = &logged[..logged.len() - 1];
    let (_, response) = comes_back(&session.at(b), late).await;
    assert!(response["result"].is_object(), "{response}");
}

#[tokio::test]
async fn d7_a_client_whose_streams_hold_too_much_gets_its_result_once_and_is_told_why() {
    let (_upstream, fleet) = start(json!({"max_bytes": 65_536, "bytes_per_principal": 1_048_576})).await;
    let [a, b, c] = &fleet.each();
    let session = Session::open(a).await;
    let large = json!({"bytes": 700_000});
    let kept = Following::call(&session, &json!(1), "large", large.clone()).await;
    let kept = kept.finish().await;
    assert!(
        kept.last().is_some_and(|event| event.id.is_some()),
        "it is logged"
    );
    let refused = Following::call(&session.at(b), &json!(2), "large", large).await;
    let refused = refused.finish().await;
    let [(id, response)] = &messages(&refused)[..] else {
        panic!("{refused:?}")
    };
    assert_eq!(
        (id, text_bytes(response)),
        (&None, 700_000),
        "it is sent, but not kept"
    );
    let (_, error) = comes_back(&session.at(c), &refused[..1]).await;
    assert_eq!(error["error"]["data"]["reason"], "stream_overflow", "{error}");
    // What is small has its place still.
    let result = session.tool("echo", json!({"message": "hello"})).await;
    assert_eq!(result["content"][0]["text"], "hello");
}
