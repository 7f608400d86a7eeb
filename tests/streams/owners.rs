//! The replica that runs a call is lost or paused while its client follows the stream elsewhere.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::support::fleet::{Fleet, FleetSettings, TTL};
use crate::support::following::{Following, last_id, messages};
use crate::support::legacy::Session;
use crate::support::upstream::Upstream;

/// The lease of a lost owner, the slack of redis, and one second; and something for a busy machine.
const TAKE_OVER: Duration = Duration::from_secs(TTL.as_secs() + 1 + 5);

/// A call at A that has told some progress before its client was cut off.
struct Scene {
    upstream: Upstream,
    fleet: Fleet,
    session: Session,
    id: Value,
    first: Following,
}

impl Scene {
    async fn begin(id: Value) -> Self {
        let upstream = Upstream::legacy().await;
        let fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
        let [a, ..] = &fleet.each();
        let session = Session::open(a).await;
        let steps = json!({"steps": 60, "interval_ms": 200, "tag": "d8"});
        let mut first = Following::call(&session, &id, "sleep_with_progress", steps).await;
        first.read_messages(3).await;
        Self {
            upstream,
            fleet,
            session,
            id,
            first,
        }
    }

    async fn assert_executed_once(&self) {
        let counts = self.upstream.counts("sleep_with_progress", "d8").await;
        assert_eq!(counts.started, 1, "executed again");
    }
}

fn reason(message: &Value) -> &str {
    message["error"]["data"]["reason"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn d8_the_stream_of_a_killed_replica_ends_elsewhere_with_an_error_for_its_request() {
    for id in [json!(7), json!("7")] {
        let mut scene = Scene::begin(id).await;
        scene.fleet.replicas[0].kill();
        let killed = Instant::now();
        let seen = scene.first.seen.clone();
        let [_, b, c] = &scene.fleet.each();
        // The first place is before everything that was said.
        let again = Following::resume(&scene.session.at(b), &last_id(&seen[..1])).await;
        let again = timeout(TAKE_OVER, again.finish()).await.expect("silence");
        assert!(killed.elapsed() <= TAKE_OVER);
        let again = messages(&again);
        let ((last, error), before) = again.split_last().unwrap();
        assert_eq!(error["id"], scene.id);
        assert_eq!(reason(error), "outcome_unknown", "{error}");
        let known = messages(&seen);
        assert_eq!(before[..known.len()], known, "what was sent stood in the log");
        // Whoever comes back once more finds the same end.
        let id = last.as_deref().expect("the error has a place");
        let same = Following::resume(&scene.session.at(c), id).await.finish().await;
        assert_eq!(reason(&messages(&same)[0].1), "outcome_unknown");
        scene.assert_executed_once().await;
    }
}

#[tokio::test]
async fn d8_a_follower_of_a_killed_replica_is_not_left_in_silence() {
    let mut scene = Scene::begin(json!(1)).await;
    let [_, b, _] = &scene.fleet.each();
    let mut follower = Following::resume(&scene.session.at(b), &last_id(&scene.first.seen)).await;
    follower.read_messages(2).await;
    scene.fleet.replicas[0].kill();
    let events = timeout(TAKE_OVER, follower.finish()).await.expect("silence");
    let messages = messages(&events);
    assert_eq!(reason(&messages.last().unwrap().1), "outcome_unknown");
    scene.assert_executed_once().await;
}

#[tokio::test]
async fn an_8_a_paused_replica_is_taken_over_and_says_nothing_when_it_comes_back() {
    let scene = Scene::begin(json!(1)).await;
    let [_, b, c] = &scene.fleet.each();
    let follower = Following::resume(&scene.session.at(b), &last_id(&scene.first.seen[..1])).await;
    let owner = &scene.fleet.replicas[0].program;
    owner.pause();
    let events = timeout(TAKE_OVER, follower.finish()).await.expect("silence");
    let followed = messages(&events);
    let (last, error) = followed.last().unwrap();
    assert_eq!(reason(error), "outcome_unknown");
    owner.resume();
    // Its own connection ends without a second answer, and so does its call.
    let late = scene.first.finish().await;
    let answers = messages(&late);
    let answers: Vec<_> = answers
        .iter()
        .filter(|(_, message)| message.get("method").is_none())
        .collect();
    assert!(
        answers
            .iter()
            .all(|(_, message)| reason(message) == "outcome_unknown"),
        "{answers:?}"
    );
    let same = Following::resume(&scene.session.at(c), last.as_deref().unwrap()).await;
    assert_eq!(reason(&messages(&same.finish().await)[0].1), "outcome_unknown");
    let counts = scene.upstream.counts("sleep_with_progress", "d8").await;
    assert_eq!(counts.started, 1);
}

#[tokio::test]
async fn an_8_a_pause_shorter_than_a_lease_costs_nothing() {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
    let [a, b, _] = &fleet.each();
    let session = Session::open(a).await;
    let steps = json!({"steps": 10, "interval_ms": 200});
    let mut call = Following::call(&session, &json!(1), "sleep_with_progress", steps).await;
    call.read_messages(2).await;
    let mut follower = Following::resume(&session.at(b), &last_id(&call.cut())).await;
    let owner = &fleet.replicas[0].program;
    owner.pause();
    let silence = async { while follower.next().await.is_some() {} };
    timeout(TTL / 3, silence).await.expect_err("the stream ended");
    owner.resume();
    let events = follower.finish().await;
    assert_eq!(messages(&events).last().unwrap().1["id"], 1);
    assert!(messages(&events).last().unwrap().1["result"].is_object());
}
