//! A call runs at one replica and is cancelled at another.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::deadline::until_true;
use crate::support::fleet::{Fleet, FleetSettings};
use crate::support::legacy::{REVISION, Session, initialize};
use crate::support::mcp::{Endpoint, Exchange, text_of};
use crate::support::session_requests::list_request;
use crate::support::upstream::Upstream;

async fn start() -> (Upstream, Fleet) {
    start_with(250).await
}

async fn start_with(upgrade_after_ms: u64) -> (Upstream, Fleet) {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url())
        .server("upgrade_after_ms", upgrade_after_ms)
        .start()
        .await;
    (upstream, fleet)
}

fn sleep(ms: u64, tag: &str) -> Value {
    json!({"name": "sleep", "arguments": {"ms": ms, "tag": tag}})
}

fn ids() -> [Value; 3] {
    [json!(7), json!("7"), json!("a/b *>:.\u{e9}")]
}

#[tokio::test]
async fn c1_a_call_at_a_is_cancelled_at_b() {
    let (upstream, fleet) = start().await;
    let [a, b, c] = &fleet.each();
    let session = Session::open(a).await;
    for (number, id) in ids().into_iter().enumerate() {
        let tag = format!("c1 {number}");
        let mut call = session.start(id.clone(), "tools/call", sleep(25_000, &tag)).await;
        upstream
            .counts_reach("sleep", &tag, |counts| counts.started == 1)
            .await;
        assert_eq!(session.at(b).cancel(&id).await, StatusCode::ACCEPTED);
        assert_eq!(call.next().await, None, "a response after the cancel");
        upstream
            .counts_reach("sleep", &tag, |counts| counts.cancelled == 1)
            .await;
        // Once more, at each replica: what is gone is not cancelled again.
        for endpoint in [a, b, c] {
            assert_eq!(session.at(endpoint).cancel(&id).await, StatusCode::ACCEPTED);
        }
        let counts = upstream.counts("sleep", &tag).await;
        assert_eq!((counts.started, counts.completed, counts.cancelled), (1, 0, 1));
        upstream.cancellations_reach(number + 1).await;
    }
    for endpoint in [a, b, c] {
        assert_eq!(
            session.at(endpoint).send(&list_request()).await.status,
            StatusCode::OK
        );
    }
}

#[tokio::test]
async fn c1_a_cancel_that_races_the_end_of_the_call_leaves_nothing_stuck() {
    // Some calls are recorded when the cancel comes, some are not yet, some are over.
    let (upstream, fleet) = start_with(20).await;
    let [a, b, c] = &fleet.each();
    let session = Session::open(a).await;
    for number in 0..30_u64 {
        let id = json!(format!("race {number}"));
        let call = async {
            let params = sleep(number * 3, "race");
            let mut call = session.start(id.clone(), "tools/call", params).await;
            let mut responses = 0;
            while let Some(message) = call.next().await {
                assert_eq!(message["id"], id, "{message}");
                responses += 1;
            }
            responses
        };
        let cancel = async {
            until_true("the call has begun upstream", async || {
                upstream.counts("sleep", "race").await.started == number + 1
            })
            .await;
            session.at(b).cancel(&id).await
        };
        let (responses, status) = tokio::join!(call, cancel);
        assert!(responses <= 1, "{responses} responses for one id");
        assert_eq!(status, StatusCode::ACCEPTED);
    }
    assert_eq!(
        text_of(&session.at(c).tool("echo", json!({"message": "on"})).await),
        "on"
    );
    until_true("no call is left running upstream", async || {
        let counts = upstream.counts("sleep", "race").await;
        counts.started == 30 && counts.completed + counts.cancelled == 30
    })
    .await;
}

#[tokio::test]
async fn c2_a_cancel_without_a_call_is_accepted_and_does_nothing() {
    let (upstream, fleet) = start().await;
    let [a, b, c] = &fleet.each();
    let session = Session::open(a).await;
    let running = session
        .start(json!("kept"), "tools/call", sleep(1500, "kept"))
        .await;
    session.tool("echo", json!({"message": "finished"})).await;
    // Never used; used and finished; the greeting's.
    for id in [json!(99), json!(1), json!(0), json!("KEPT")] {
        for endpoint in [b, c, a] {
            assert_eq!(
                session.at(endpoint).cancel(&id).await,
                StatusCode::ACCEPTED,
                "{id}"
            );
        }
    }
    let malformed = [
        json!({}),
        json!({"requestId": null}),
        json!({"requestId": {}}),
        json!({"requestId": ["kept"]}),
    ];
    for params in malformed {
        let status = session
            .at(b)
            .notify("notifications/cancelled", params.clone())
            .await;
        assert_eq!(status, StatusCode::ACCEPTED, "{params}");
    }
    assert_eq!(text_of(&running.result().await), "slept 1500 ms");
    assert_eq!(upstream.cancellations().await, Vec::<Value>::new());
    for endpoint in [a, b, c] {
        assert_eq!(
            session.at(endpoint).send(&list_request()).await.status,
            StatusCode::OK
        );
    }
}

#[tokio::test]
async fn c2_a_cancel_of_initialize_is_ignored() {
    let (_upstream, fleet) = start().await;
    let [a, b, c] = &fleet.each();
    let session = Session::greet(a, &initialize(REVISION, &json!({}))).await;
    assert_eq!(session.at(b).cancel(&json!(0)).await, StatusCode::ACCEPTED);
    let status = session.at(c).notify("notifications/initialized", json!({})).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(
        text_of(&session.at(b).tool("echo", json!({"message": "on"})).await),
        "on"
    );
}

#[tokio::test]
async fn c2_a_cancel_that_comes_before_the_call_is_recorded_cancels_it() {
    let (upstream, fleet) = start_with(3000).await;
    let [a, b, _] = &fleet.each();
    let session = Session::open(a).await;
    for (number, id) in ids().into_iter().enumerate() {
        let tag = format!("early {number}");
        let call = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": sleep(25_000, &tag)});
        let waiting = tokio::spawn(session.post(&call).try_send());
        upstream
            .counts_reach("sleep", &tag, |counts| counts.started == 1)
            .await;
        assert_eq!(session.at(b).cancel(&id).await, StatusCode::ACCEPTED);
        upstream
            .counts_reach("sleep", &tag, |counts| counts.cancelled == 1)
            .await;
        if let Ok(answer) = waiting.await.unwrap() {
            let body = answer.text().await;
            assert!(!body.contains(r#""result""#), "a result after the cancel: {body}");
        }
        upstream.cancellations_reach(number + 1).await;
    }
}

/// A call under an id in a session at an endpoint.
async fn calling(session: &Session, at: &Endpoint, id: Value, tag: &str) -> Exchange {
    session.at(at).start(id, "tools/call", sleep(4000, tag)).await
}

#[tokio::test]
async fn c4_a_cancel_touches_its_own_session_and_type_of_id_alone() {
    let (upstream, fleet) = start().await;
    let [a, b, c] = &fleet.each();
    let (x, y) = (Session::open(a).await, Session::open(b).await);
    let mut hit = calling(&x, a, json!(1), "hit").await;
    let text = calling(&x, b, json!("1"), "text").await;
    let other = calling(&y, c, json!(1), "other").await;
    let other_text = calling(&y, a, json!("1"), "other text").await;
    upstream
        .counts_reach("sleep", "hit", |counts| counts.started == 1)
        .await;
    assert_eq!(x.at(c).cancel(&json!(1)).await, StatusCode::ACCEPTED);
    assert_eq!(hit.next().await, None, "a response after the cancel");
    upstream
        .counts_reach("sleep", "hit", |counts| counts.cancelled == 1)
        .await;
    for call in [text, other, other_text] {
        assert_eq!(text_of(&call.result().await), "slept 4000 ms");
    }
    upstream.cancellations_reach(1).await;
}
