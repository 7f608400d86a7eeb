//! A stream is cut by the network and goes on at another replica.

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
