//! One session over three replicas: whoever gets a request knows the session.

use futures_util::StreamExt;
use futures_util::stream::iter;
use http::StatusCode;
use serde_json::json;

use super::scenario::{core, greeted};
use crate::support::balancer::Policy;
use crate::support::fleet::{Fleet, FleetSettings};
use crate::support::gateway::Settings;
use crate::support::legacy::{REVISION, Session, initialize};
use crate::support::mcp::{Endpoint, text_of};
use crate::support::modern::Client;
use crate::support::session_requests::{UNKNOWN, list_request};
use crate::support::upstream::Upstream;

/// How often a race is run that must never be lost.
const RACES: usize = 1000;

/// How many races run at once: enough to keep a small machine busy, few enough to be quick each.
const AT_ONCE: usize = 4;

#[tokio::test]
async fn s1_one_session_is_served_by_three_replicas_in_turn() {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
    core(&fleet.entry(), "s1").await.unwrap();
    assert_eq!(fleet.balancer.order(), [0, 1, 2, 0]);
    let counts = upstream.counts("echo", "s1").await;
    assert_eq!((counts.started, counts.completed), (1, 1));
}

#[tokio::test]
async fn s1_one_session_is_served_in_any_order() {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url())
        .policy(Policy::random(7))
        .start()
        .await;
    for _ in 0..25 {
        core(&fleet.entry(), "s1").await.unwrap();
    }
    let order = fleet.balancer.order();
    assert_eq!(order.len(), 100);
    assert!(
        (0..3).all(|replica| order.contains(&replica)),
        "not every replica had a part: {order:?}"
    );
    assert_eq!(upstream.counts("echo", "s1").await.completed, 25);
}

/// The negative control: the same scenario, against replicas that are not one server.
#[tokio::test]
async fn s1_fails_where_each_replica_has_a_memory_of_its_own() {
    let upstream = Upstream::legacy().await;
    for (policy, failing) in [
        (Policy::round_robin(), "notifications/initialized"),
        (Policy::pattern(&[0, 0, 2, 0]), "tools/list"),
        (Policy::pattern(&[0, 0, 0, 1]), "tools/call"),
    ] {
        let fleet = FleetSettings::in_front_of(&upstream.url())
            .single_node()
            .policy(policy)
            .start()
            .await;
        let failure = core(&fleet.entry(), "control").await.unwrap_err();
        assert_eq!(failure, format!("{failing} is answered with 404 Not Found"));
    }
    assert_eq!(upstream.counts("echo", "control").await.started, 0);
}

#[tokio::test]
async fn s2_what_was_negotiated_on_one_replica_holds_on_the_others() {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
    let [a, _, c] = fleet.each();
    let plain = Session::open(&a).await.at(&c);
    for tool in ["ask", "ask_sampling", "ask_roots"] {
        let (_, call) = plain.start_tool(tool, json!({"question": "?"})).await;
        let finished = call.finish().await;
        assert!(
            finished.before.is_empty(),
            "{tool} asked a client that cannot answer: {:?}",
            finished.before
        );
    }
    let capabilities = json!({"elicitation": {"form": {}}, "roots": {"listChanged": true}});
    let able = Session::open_as(&a, "2025-06-18", capabilities.clone())
        .await
        .at(&c);
    let seen = able.tool("whoami", json!({})).await["structuredContent"].take();
    assert_eq!(seen["protocolVersion"], "2025-06-18");
    assert_eq!(seen["clientCapabilities"], capabilities);
    let (_, mut call) = able.start_tool("ask", json!({"question": "?"})).await;
    let question = call.expect("elicitation/create").await;
    let declined = able.respond(&question, json!({"action": "decline"})).await;
    assert_eq!(declined, StatusCode::ACCEPTED);
    assert!(text_of(&call.result().await).starts_with("action=decline"));
}

/// A fleet that answers from its own configuration.
async fn own_fleet() -> Fleet {
    let settings = Settings::new().mock_tool("hello", "hi");
    FleetSettings::new(settings).start().await
}

/// Opens a session and uses it at another replica as soon as its id is known.
async fn race(opened: &Endpoint, used: &Endpoint) -> Result<Session, String> {
    let answer = opened.post(&initialize(REVISION, &json!({}))).send().await;
    let id = answer.header("mcp-session-id").map(str::to_owned);
    let id = id.ok_or_else(|| format!("initialize is answered with {}", answer.status))?;
    // The body of the greeting is still on its way.
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let status = used
        .post(&initialized)
        .header("mcp-session-id", &id)
        .header("mcp-protocol-version", REVISION)
        .send()
        .await
        .status;
    match status {
        StatusCode::ACCEPTED => Ok(greeted(used, answer, id).await),
        other => Err(format!("the second replica answers {other}")),
    }
}

#[tokio::test]
async fn s3_a_session_is_known_everywhere_before_its_greeting_leaves() {
    let fleet = own_fleet().await;
    let [a, b, _] = &fleet.each();
    let races = iter(0..RACES).map(|_| race(a, b)).buffer_unordered(AT_ONCE);
    let outcomes: Vec<_> = races.collect().await;
    let lost: Vec<_> = outcomes
        .iter()
        .filter_map(|outcome| outcome.as_ref().err())
        .collect();
    assert!(
        lost.is_empty(),
        "{} of {RACES} lost, first: {}",
        lost.len(),
        lost[0]
    );
}

#[tokio::test]
async fn an_5_the_follow_up_may_go_to_any_other_replica_at_once() {
    let fleet = own_fleet().await;
    let each = &fleet.each();
    let races = iter(0..RACES).map(async |number| {
        let [first, second, third] = [0, 1 + number % 2, 2 - number % 2].map(|step| (number + step) % 3);
        let session = race(&each[first], &each[second]).await?;
        let status = session.at(&each[third]).send(&list_request()).await.status;
        match status {
            StatusCode::OK => Ok(()),
            other => Err(format!("the third replica answers {other}")),
        }
    });
    let outcomes: Vec<Result<(), String>> = races.buffer_unordered(AT_ONCE).collect().await;
    let lost: Vec<_> = outcomes
        .iter()
        .filter_map(|outcome| outcome.as_ref().err())
        .collect();
    assert!(
        lost.is_empty(),
        "{} of {RACES} lost, first: {}",
        lost.len(),
        lost[0]
    );
}

/// 200 sessions with eight requests each, spread by the balancer.
async fn two_hundred_sessions(policy: Policy) {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url())
        .policy(policy)
        .start()
        .await;
    let entry = &fleet.entry();
    let sessions = iter(0..200).map(async |number: usize| {
        let session = Session::open(entry).await;
        assert_eq!(session.send(&list_request()).await.status, StatusCode::OK);
        for call in 0..5 {
            let message = format!("{number}.{call}");
            let result = session
                .tool("echo", json!({"message": message, "tag": "an3"}))
                .await;
            assert_eq!(text_of(&result), message);
        }
    });
    sessions.buffer_unordered(8).collect::<Vec<()>>().await;
    let counts = upstream.counts("echo", "an3").await;
    assert_eq!((counts.started, counts.completed), (1000, 1000));
    let order = fleet.balancer.order();
    assert_eq!(order.len(), 1600);
    for replica in 0..3 {
        let part = order.iter().filter(|taken| **taken == replica).count();
        assert!(part > 400, "replica {replica} took {part} of 1600");
    }
}

#[tokio::test]
async fn an_3_two_hundred_sessions_round_robin() {
    two_hundred_sessions(Policy::round_robin()).await;
}

#[tokio::test]
async fn an_3_two_hundred_sessions_at_random() {
    two_hundred_sessions(Policy::random(3)).await;
}

#[tokio::test]
async fn s12_a_modern_request_with_a_stale_session_id_is_stateless_everywhere() {
    let fleet = own_fleet().await;
    let [a, b, c] = &fleet.each();
    let session = Session::open(a).await;
    assert!(session.at(b).delete().await.is_success());
    for endpoint in [a, b, c] {
        for stale in [session.id.as_str(), UNKNOWN] {
            let answer = Client::new(endpoint)
                .post(&json!(1), "tools/list", json!({}))
                .header("mcp-session-id", stale)
                .send()
                .await;
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(answer.header("mcp-session-id"), None);
            let response = answer.json().await;
            assert_eq!(response["result"]["tools"][0]["name"], "hello");
        }
    }
}
