//! The official clients come back by themselves when they are let go of, to whichever replica they reach.

use serde_json::json;

use crate::support::balancer::Policy;
use crate::support::fleet::FleetSettings;
use crate::support::scripts::{node, python, summary};
use crate::support::upstream::Upstream;

#[tokio::test]
async fn d5_official_clients_get_the_result_of_a_call_whose_stream_was_closed_early() {
    let upstream = Upstream::legacy().await;
    for (number, policy) in [Policy::round_robin(), Policy::random(5)].into_iter().enumerate() {
        let fleet = FleetSettings::in_front_of(&upstream.url())
            .policy(policy)
            .start()
            .await;
        let url = fleet.entry().url();
        for client in ["client", "sdk", "python"] {
            let tag = format!("{client} {number}");
            let arguments = json!({"ms": 100, "tag": tag}).to_string();
            let script = match client {
                "python" => python("call_tool.py", &[&url, "legacy", "drop_stream", &arguments]),
                _ => node("call_tool.mjs", &[client, &url, "drop_stream", &arguments]),
            };
            let seen = summary(script).await;
            assert!(!seen["text"].as_str().unwrap().is_empty(), "{seen}");
            let counts = upstream.counts("drop_stream", &tag).await;
            assert_eq!((counts.started, counts.completed), (1, 1), "{client}");
        }
    }
}
