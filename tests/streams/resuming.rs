//! A stream is cut by the network and goes on at another replica.

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::balancer::Policy;
use crate::support::fleet::{Fleet, FleetSettings};
use crate::support::following::{Following, assert_progress_and_response, last_id, messages};
use crate::support::legacy::Session;
use crate::support::upstream::Upstream;

async fn start(policy: Policy) -> (Upstream, Fleet) {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url())
        .policy(policy)
        .start()
        .await;
    (upstream, fleet)
}

fn steps(steps: u64, interval_ms: u64, tag: &str) -> Value {
    json!({"steps": steps, "interval_ms": interval_ms, "tag": tag})
}

#[tokio::test]
async fn d4_a_stream_that_was_cut_goes_on_at_another_replica_without_gap_or_double() {
    let (upstream, fleet) = start(Policy::round_robin()).await;
    let [a, b, c] = &fleet.each();
    let session = Session::open(a).await;
    for id in [json!(7), json!("7")] {
        let tag = format!("d4 {id}");
        let mut call = Following::call(&session, &id, "sleep_with_progress", steps(12, 150, &tag)).await;
        call.read_messages(2).await;
        let first = call.cut();
        assert_eq!(first[0].data.as_deref(), Some(""), "the priming event");
        let retry: u64 = first[0].retry.as_deref().unwrap().parse().unwrap();
        assert!((500..=5000).contains(&retry), "{retry}");

        let mut second = Following::resume(&session.at(b), &last_id(&first)).await;
        second.read_messages(3).await;
        let second = second.cut();
        let third = Following::resume(&session.at(c), &last_id(&second))
            .await
            .finish()
            .await;

        let whole = [first.clone(), second, third].concat();
        assert_progress_and_response(&whole, &id);
        let again = Following::resume(&session.at(b), &last_id(&first[..1])).await;
        assert_eq!(
            messages(&again.finish().await),
            messages(&whole),
            "what stands in the log"
        );
        assert_eq!(upstream.counts("sleep_with_progress", &tag).await.completed, 1);
    }
}

#[tokio::test]
async fn d4_a_stream_goes_on_wherever_the_balancer_sends_the_client() {
    for policy in [Policy::round_robin(), Policy::random(4)] {
        let (upstream, fleet) = start(policy).await;
        let session = Session::open(&fleet.entry()).await;
        for number in 0..3 {
            let id = json!(format!("d4 {number}"));
            let mut call = Following::call(&session, &id, "sleep_with_progress", steps(10, 60, "d4")).await;
            call.read_messages(1).await;
            let mut whole = call.cut();
            while messages(&whole)
                .iter()
                .all(|(_, message)| message.get("method").is_some())
            {
                let mut next = Following::resume(&session, &last_id(&whole)).await;
                let before = messages(&whole).len();
                // Cut again after two more messages, and after the end.
                while messages(&next.seen).len() < 2 && next.next().await.is_some() {}
                whole.extend(next.cut());
                assert!(messages(&whole).len() > before, "nothing came");
            }
            assert_progress_and_response(&whole, &id);
        }
        let order = fleet.balancer.order();
        assert!((0..3).all(|replica| order.contains(&replica)), "{order:?}");
        assert_eq!(upstream.counts("sleep_with_progress", "d4").await.completed, 3);
    }
}

#[tokio::test]
async fn i6_of_two_that_resume_at_once_one_goes_on_and_neither_gets_a_message_twice() {
    let (upstream, fleet) = start(Policy::round_robin()).await;
    let [a, b, c] = &fleet.each();
    let session = Session::open(a).await;
    for number in 0..3 {
        let id = json!(format!("i6 {number}"));
        let mut call = Following::call(&session, &id, "sleep_with_progress", steps(15, 60, "i6")).await;
        call.read_messages(1).await;
        let place = last_id(&call.seen);
        let known = messages(&call.seen).len();
        let (at_b, at_c) = (session.at(b), session.at(c));
        // The first connection is still open and drains what it has.
        let (one, other, old) = tokio::join!(
            async { Following::resume(&at_b, &place).await.finish().await },
            async { Following::resume(&at_c, &place).await.finish().await },
            call.finish(),
        );
        let (one, other, old) = (messages(&one), messages(&other), messages(&old));
        let ends = |messages: &[(Option<String>, Value)]| {
            messages
                .last()
                .is_some_and(|(_, message)| message.get("method").is_none())
        };
        assert_ne!(ends(&one), ends(&other), "exactly one goes on to the end");
        assert!(!ends(&old), "the client gave this connection up");
        let (whole, part) = if ends(&one) { (one, other) } else { (other, one) };
        assert_eq!(
            part[..],
            whole[..part.len()],
            "the same messages, in the same order"
        );
        let after: Vec<_> = old.into_iter().skip(known).collect();
        assert_eq!(after[..], whole[..after.len()]);
        assert_eq!(
            upstream.counts("sleep_with_progress", "i6").await.started,
            number + 1
        );
    }
}

#[tokio::test]
async fn d3_messages_of_calls_that_run_together_come_on_their_own_streams_with_ids_of_their_own() {
    let (_upstream, fleet) = start(Policy::round_robin()).await;
    let each = &fleet.each();
    let session = Session::open(&each[0]).await;
    let calls = (0..6_usize).map(|number| {
        let (session, id) = (session.at(&each[number % 3]), json!(number));
        async move {
            let call = Following::call(&session, &id, "sleep_with_progress", steps(5, 40, "d3")).await;
            (id, call.finish().await)
        }
    });
    let mut ids = HashSet::new();
    for (id, events) in join_all(calls).await {
        assert_progress_and_response(&events, &id);
        for (_, message) in messages(&events) {
            let token = message["params"].get("progressToken");
            assert!(
                token.is_none_or(|token| *token == id),
                "{message} on the stream of {id}"
            );
        }
        for event in events {
            let event_id = event.id.expect("every event has an id");
            assert!(ids.insert(event_id.clone()), "{event_id} names two events");
        }
    }
}

#[tokio::test]
async fn d10_progress_that_comes_faster_than_it_can_be_logged_still_grows() {
    let (_upstream, fleet) = start(Policy::round_robin()).await;
    let [a, b, _] = &fleet.each();
    let session = Session::open(a).await;
    let id = json!("fast");
    let mut call = Following::call(&session, &id, "sleep_with_progress", steps(500, 1, "d10")).await;
    call.read_messages(5).await;
    let first = call.cut();
    let second = Following::resume(&session.at(b), &last_id(&first))
        .await
        .finish()
        .await;
    assert_progress_and_response(&[first, second].concat(), &id);
}
