//! Every capability reaches the coordinator through one place: a plugin that writes down what it is asked for sees each of
//! them, and none that is kept elsewhere.

use std::path::{Path, PathBuf};

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::fleet::FleetSettings;
use crate::support::following::{Following, assert_progress_and_response, last_id};
use crate::support::gateway::Settings;
use crate::support::http::Call;
use crate::support::legacy::Session;
use crate::support::mcp::text_of;
use crate::support::plugins::{entry, library};
use crate::support::upstream::Upstream;

/// The id of a request that only a cancel ever names.
const CANCELLED: &str = "never called";

/// What the scopes of delivery begin with, and those of subscriptions.
const DELIVERY: [&str; 5] = ["call/", "event/", "get", "budget", "levels"];
const SUBSCRIPTIONS: [&str; 2] = ["subscription", "interest/"];

/// A capability and how an operation of it is recognised.
struct Capability {
    name: &'static str,
    /// The override that keeps it in this process.
    pinned: Value,
    is_of_it: fn(&str) -> bool,
}

fn capabilities() -> [Capability; 4] {
    [
        Capability {
            name: "sessions",
            pinned: json!({"sessions": {"store": {"kind": "memory"}}}),
            is_of_it: |line| ["sessions", "closing"].contains(&scope(line)),
        },
        Capability {
            name: "delivery",
            pinned: json!({"delivery": {"bus": {"kind": "memory"}}}),
            is_of_it: |line| {
                let scope = scope(line);
                DELIVERY.iter().any(|prefix| scope.starts_with(prefix)) && !is_cancel(line)
            },
        },
        Capability {
            name: "cancellation",
            pinned: json!({"cancellation": {"bus": {"kind": "memory"}}}),
            is_of_it: is_cancel,
        },
        Capability {
            name: "subscriptions",
            pinned: json!({"subscriptions": {"store": {"kind": "memory"}}}),
            is_of_it: |line| SUBSCRIPTIONS.iter().any(|prefix| scope(line).starts_with(prefix)),
        },
    ]
}

fn scope(line: &str) -> &str {
    line.split(' ').nth(1).unwrap_or_default()
}

fn is_cancel(line: &str) -> bool {
    line.contains(CANCELLED)
}

/// A gateway whose coordinator writes down what it is asked for.
fn journalled(upstream: &Upstream, journal: &Path) -> Settings {
    let cluster = json!({"kind": "fixture", "deployment": "journal", "journal": journal});
    Settings::in_front_of(&upstream.url())
        .server("upgrade_after_ms", 0)
        .block("cluster", cluster)
        .block(
            "plugins",
            json!([entry("fixture", &library("mcpg-fixture-plugin"))]),
        )
}

/// Uses everything that a session has.
async fn use_everything(upstream: &Upstream, settings: Settings, tag: &str) {
    let gateway = settings.start().await;
    let session = Session::open(&gateway.endpoint).await;
    // A stream with an event that is too large for its head.
    let arguments = json!({"bytes": 100_000, "tag": tag});
    let result = session.tool("large", arguments).await;
    assert_eq!(text_of(&result).len(), 100_000);
    let arguments = json!({"steps": 3, "interval_ms": 20, "tag": tag});
    session.tool("sleep_with_progress", arguments).await;
    // A stream of no call, something that is subscribed to, and a stream of a call that is gone on with.
    let mut stream = Following::of(session.get().send().await);
    stream.next().await.expect("a priming event");
    let uri = "test://watched-resource";
    session.result("resources/subscribe", json!({"uri": uri})).await;
    upstream.control("resources/updated", json!({"uri": uri})).await;
    stream.read_messages(1).await;
    let arguments = json!({"steps": 10, "interval_ms": 50});
    let mut call = Following::call(&session, &json!("resumed"), "sleep_with_progress", arguments).await;
    call.read_messages(1).await;
    let resumed = Following::resume(&session, &last_id(&call.cut())).await;
    assert_progress_and_response(&resumed.finish().await, &json!("resumed"));
    let status = session.cancel(&json!(CANCELLED)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(session.delete().await, StatusCode::NO_CONTENT);
    assert_eq!(upstream.counts("sleep_with_progress", tag).await.completed, 1);
}

/// What the coordinator was asked for, one operation a line.
async fn operations(pinned: &Value, tag: &str) -> Vec<String> {
    let (upstream, folder) = (Upstream::legacy().await, tempfile::tempdir().unwrap());
    let journal: PathBuf = folder.path().join("journal");
    let settings = journalled(&upstream, &journal).configurations(pinned.clone());
    use_everything(&upstream, settings, tag).await;
    let text = std::fs::read_to_string(&journal).expect("the coordinator was opened");
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn hm_3_every_capability_goes_through_the_coordinator() {
    let operations = operations(&json!({}), "shared").await;
    for capability in capabilities() {
        let seen = operations
            .iter()
            .filter(|line| (capability.is_of_it)(line))
            .count();
        assert!(seen > 0, "nothing of {} in {operations:#?}", capability.name);
    }
}

#[tokio::test]
async fn hm_3_none_at_a_memory_override() {
    for pinned in capabilities() {
        let operations = operations(&pinned.pinned, pinned.name).await;
        for capability in capabilities() {
            // A cancel stands in the head of its call, wherever that is.
            let goes_along = pinned.name == "delivery" && capability.name == "cancellation";
            let is_pinned = capability.name == pinned.name || goes_along;
            let seen = operations
                .iter()
                .filter(|line| (capability.is_of_it)(line))
                .count();
            assert_eq!(
                seen == 0,
                is_pinned,
                "{} with {} in memory: {operations:#?}",
                capability.name,
                pinned.name
            );
        }
    }
}

#[tokio::test]
async fn an_2_each_pinned_capability_is_warned_about_at_boot_and_shown() {
    let (upstream, folder) = (Upstream::legacy().await, tempfile::tempdir().unwrap());
    let configurations = json!({
        "delivery": {"bus": {"kind": "memory"}},
        "cancellation": {"bus": {"kind": "memory"}},
        "subscriptions": {"store": {"kind": "file", "dir": folder.path().join("subscriptions")}},
    });
    let gateway = journalled(&upstream, &folder.path().join("journal"))
        .configurations(configurations)
        .metrics()
        .start()
        .await;
    let output = gateway.program.output();
    let warnings: Vec<&str> = output.lines().filter(|line| line.contains("WARN")).collect();
    let counted = Call::new(Method::GET, gateway.operators(), "/metrics");
    let counted = counted.send().await.text().await;
    let shown = Call::new(Method::GET, gateway.operators(), "/cluster");
    let shown = shown.send().await.json().await;
    let mut pins = Vec::new();
    for (capability, place) in [
        ("delivery", "memory"),
        ("cancellation", "memory"),
        ("subscriptions", "file"),
    ] {
        let is_told = |line: &&str| {
            ["pinned to this replica", capability, place]
                .iter()
                .all(|word| line.contains(word))
        };
        assert!(warnings.iter().any(is_told), "{capability}: {output}");
        let gauge = format!("mcpg_capability_pinned{{capability=\"{capability}\",store=\"{place}\"}} 1");
        assert!(counted.contains(&gauge), "{counted}");
        pins.push(json!({"capability": capability, "store": place}));
    }
    assert_eq!(shown["replicas"][0]["own"]["pinned"], json!(pins));
}

#[tokio::test]
async fn a_cancel_in_memory_stops_what_runs_here_and_nothing_else() {
    let upstream = Upstream::legacy().await;
    let settings = Settings::in_front_of(&upstream.url())
        .configurations(json!({"cancellation": {"bus": {"kind": "memory"}}}));
    let fleet = FleetSettings::new(settings).start().await;
    let [a, b, _] = &fleet.each();
    let session = Session::open(a).await;
    let params = json!({"name": "sleep", "arguments": {"ms": 1500, "tag": "kept"}});
    let call = session.start(json!("kept"), "tools/call", params).await;
    assert_eq!(session.at(b).cancel(&json!("kept")).await, StatusCode::ACCEPTED);
    assert_eq!(text_of(&call.result().await), "slept 1500 ms");
    let params = json!({"name": "sleep", "arguments": {"ms": 25_000, "tag": "here"}});
    let mut call = session.start(json!("here"), "tools/call", params).await;
    assert_eq!(session.cancel(&json!("here")).await, StatusCode::ACCEPTED);
    assert_eq!(call.next().await, None, "a response after the cancel");
}
