//! A client that does not read costs nobody else anything.

use serde_json::json;

use crate::support::deadline::until_true;
use crate::support::fleet::FleetSettings;
use crate::support::following::{Following, last_id, messages};
use crate::support::gateway::Settings;
use crate::support::legacy::Session;
use crate::support::mcp::text_of;
use crate::support::metrics::Scrape;
use crate::support::upstream::Upstream;

#[tokio::test]
async fn d9_a_client_that_does_not_read_is_cut_off_and_its_call_and_all_others_go_on() {
    let upstream = Upstream::legacy().await;
    let settings = Settings::in_front_of(&upstream.url()).metrics();
    let fleet = FleetSettings::new(settings).start().await;
    let [a, b, _] = &fleet.each();
    let session = Session::open(a).await;
    session
        .result("logging/setLevel", json!({"level": "debug"}))
        .await;
    let other = Session::open(a).await;
    let id = json!("slow");
    let text = "x".repeat(64 * 1024);
    let arguments = json!({"level": "error", "text": text, "times": 300, "tag": "d9"});
    let mut slow = Following::call(&session, &id, "log", arguments).await;
    slow.next().await;
    for number in 0..20 {
        let result = other.tool("echo", json!({"message": number.to_string()})).await;
        assert_eq!(text_of(&result), number.to_string());
    }
    upstream
        .counts_reach("log", "d9", |counts| counts.completed == 1)
        .await;
    until_true("the connection is cut", async || {
        let seen = Scrape::of(fleet.replicas[0].admin).await;
        seen.sum("mcpg_streams_closed_total", "overflow") == 1.0
    })
    .await;
    let first = last_id(&slow.seen);
    let read = slow.finish().await;
    assert!(
        messages(&read)
            .iter()
            .all(|(_, message)| message.get("method").is_some()),
        "no response came"
    );
    // So much is not kept: whoever comes back from the beginning is told so, and whoever has read on is served.
    let again = Following::resume(&session.at(b), &first).await.finish().await;
    let (_, error) = messages(&again).last().unwrap().clone();
    assert_eq!(error["id"], id);
    assert_eq!(error["error"]["data"]["reason"], "events_lost");
}
