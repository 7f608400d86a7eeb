//! The log level of a session is set at one replica and holds at all.

use serde_json::{Value, json};

use crate::support::fleet::FleetSettings;
use crate::support::legacy::Session;
use crate::support::recorder::{CHATTY, LEVELS, Recorder};

/// The levels of the log messages that come with a call in this session.
async fn levels_heard(session: &Session) -> Vec<String> {
    let (_, exchange) = session.start_tool(CHATTY, json!({})).await;
    let before = exchange.finish().await.before;
    let level = |note: &Value| {
        assert_eq!(note["method"], "notifications/message", "{note}");
        note["params"]["level"].as_str().unwrap().to_owned()
    };
    before.iter().map(level).collect()
}

#[tokio::test]
async fn s9_the_level_set_at_a_filters_what_a_call_at_b_says() {
    let recorder = Recorder::start(r#"{"content":[]}"#).await;
    let fleet = FleetSettings::in_front_of(&recorder.url).start().await;
    let [a, b, c] = &fleet.each();
    for (index, level) in LEVELS.iter().enumerate() {
        let session = Session::open(a).await;
        session.result("logging/setLevel", json!({"level": level})).await;
        for endpoint in [b, c, a] {
            assert_eq!(
                levels_heard(&session.at(endpoint)).await,
                LEVELS[index..],
                "{level}"
            );
        }
    }
}

#[tokio::test]
async fn s9_a_level_that_changes_at_another_replica_holds_for_the_next_call() {
    let recorder = Recorder::start(r#"{"content":[]}"#).await;
    let fleet = FleetSettings::in_front_of(&recorder.url).start().await;
    let each = &fleet.each();
    let session = Session::open(&each[0]).await;
    // Every replica has served this session, and may remember the level that held then.
    for endpoint in each {
        levels_heard(&session.at(endpoint)).await;
    }
    for (turn, (index, level)) in LEVELS.iter().enumerate().rev().enumerate() {
        let set = session.at(&each[turn % 3]);
        set.result("logging/setLevel", json!({"level": level})).await;
        for step in [1, 2, 0] {
            let called = session.at(&each[(turn + step) % 3]);
            assert_eq!(
                levels_heard(&called).await,
                LEVELS[index..],
                "{level}, step {step}"
            );
        }
    }
}
