//! Two holders of keys, over three replicas: what belongs to one does not exist for the other.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::fleet::{Fleet, FleetSettings};
use crate::support::gateway::Settings;
use crate::support::http::{Answer, Call};
use crate::support::keys::{P, Q, p_and_q};
use crate::support::legacy::{REVISION, Session, initialize};
use crate::support::mcp::{Endpoint, text_of};
use crate::support::redis::Redis;
use crate::support::session_requests::{UNKNOWN, all_kinds, list_request};
use crate::support::upstream::Upstream;

async fn start() -> (Upstream, Fleet) {
    let upstream = Upstream::legacy().await;
    let settings = p_and_q(Settings::in_front_of(&upstream.url()));
    (upstream, FleetSettings::new(settings).start().await)
}

/// Every kind of request that names a session, the second greeting included.
fn kinds(endpoint: &Endpoint, session: &str) -> Vec<(&'static str, Call)> {
    let mut kinds = all_kinds(endpoint, session);
    let greeting = endpoint.post(&initialize(REVISION, &json!({})));
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    let batch = endpoint.post(&json!([list_request()]));
    for (kind, call) in [
        ("a greeting", greeting),
        ("a cancel", endpoint.post(&cancel)),
        ("a batch", batch),
    ] {
        kinds.push((kind, call.header("mcp-session-id", session)));
    }
    kinds
}

/// All that a client can see of an answer, but for the time.
async fn seen(answer: Answer) -> (StatusCode, Vec<(String, String)>, String) {
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| *name != "date")
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    (answer.status, headers, answer.text().await)
}

fn sleep(tag: &str) -> Value {
    json!({"name": "sleep", "arguments": {"ms": 25_000, "tag": tag}})
}

#[tokio::test]
async fn s8_the_session_of_another_principal_is_unknown_everywhere() {
    let (_upstream, fleet) = start().await;
    let each = &fleet.each();
    let session = Session::open(&each[0].with_key(P)).await;
    for replica in each {
        let q = replica.with_key(Q);
        let foreign = kinds(&q, &session.id);
        for ((kind, foreign), (_, unknown)) in foreign.into_iter().zip(kinds(&q, UNKNOWN)) {
            let foreign = seen(foreign.send().await).await;
            assert_eq!(foreign.0, StatusCode::NOT_FOUND, "{kind}");
            assert_eq!(
                foreign,
                seen(unknown.send().await).await,
                "{kind} tells that the session exists"
            );
        }
        // Nor is it a way in for somebody without a key.
        for (kind, call) in kinds(replica, &session.id) {
            assert_eq!(call.send().await.status, StatusCode::UNAUTHORIZED, "{kind}");
        }
    }
    for replica in each {
        let session = session.at(&replica.with_key(P));
        assert_eq!(
            text_of(&session.tool("echo", json!({"message": "on"})).await),
            "on"
        );
    }
}

#[tokio::test]
async fn s8_a_delete_by_another_principal_closes_nothing() {
    let (_upstream, fleet) = start().await;
    let [a, b, c] = &fleet.each();
    let session = Session::open(&a.with_key(P)).await;
    session.tool("echo", json!({"message": "on"})).await;
    for replica in [a, b, c] {
        let status = session.at(&replica.with_key(Q)).delete().await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
    for replica in [c, b, a] {
        let session = session.at(&replica.with_key(P));
        assert_eq!(
            text_of(&session.tool("echo", json!({"message": "on"})).await),
            "on"
        );
    }
    assert_eq!(session.at(&b.with_key(P)).delete().await, StatusCode::NO_CONTENT);
    for replica in [a, b, c] {
        for key in [P, Q] {
            let call = session.at(&replica.with_key(key)).post(&list_request());
            assert_eq!(call.send().await.status, StatusCode::NOT_FOUND);
        }
    }
}

#[tokio::test]
async fn s8_calls_with_the_same_id_do_not_meet() {
    let (upstream, fleet) = start().await;
    let [a, b, c] = &fleet.each();
    let p = Session::open(&a.with_key(P)).await;
    let q = Session::open(&a.with_key(Q)).await;
    let id = json!(7);
    let of_p = p.start(id.clone(), "tools/call", sleep("p")).await;
    let mut of_q = q.start(id.clone(), "tools/call", sleep("q")).await;
    // The cancel names the session of the other, or only the id.
    for replica in [a, b, c] {
        let status = p.at(&replica.with_key(Q)).cancel(&id).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
    assert_eq!(q.at(&b.with_key(Q)).cancel(&id).await, StatusCode::ACCEPTED);
    assert_eq!(of_q.next().await, None, "a response after the cancel");
    upstream
        .counts_reach("sleep", "q", |counts| counts.cancelled == 1)
        .await;
    let counts = upstream.counts("sleep", "p").await;
    assert_eq!((counts.started, counts.cancelled), (1, 0));
    // The id is still taken where it runs, and free where it does not.
    let again = p.start(id.clone(), "tools/call", sleep("again")).await;
    assert_eq!(again.response().await["error"]["code"], -32600);
    assert_eq!(p.at(&c.with_key(P)).cancel(&id).await, StatusCode::ACCEPTED);
    upstream
        .counts_reach("sleep", "p", |counts| counts.cancelled == 1)
        .await;
    drop(of_p);
}

#[tokio::test]
async fn s8_a_question_is_answered_by_its_own_principal_only() {
    let (upstream, fleet) = start().await;
    let [a, b, c] = &fleet.each();
    let able = json!({"elicitation": {"form": {}}});
    let p = Session::open_with(&a.with_key(P), able.clone()).await;
    let q = Session::open_with(&a.with_key(Q), able).await;
    let arguments = json!({"question": "?", "tag": "s8"});
    let (_, mut call) = p.start_tool("ask", arguments).await;
    let question = call.expect("elicitation/create").await;
    let accepted = |answer: &str| json!({"action": "accept", "content": {"answer": answer}});
    for replica in [a, b, c] {
        let replica = replica.with_key(Q);
        let foreign = p.at(&replica).respond(&question, accepted("foreign")).await;
        assert_eq!(foreign, StatusCode::NOT_FOUND);
        // In a session of its own the id means nothing.
        let own = q.at(&replica).respond(&question, accepted("foreign")).await;
        assert_eq!(own, StatusCode::ACCEPTED);
    }
    let status = p.at(&c.with_key(P)).respond(&question, accepted("own")).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let result = call.result().await;
    assert!(
        text_of(&result).contains("own") && !text_of(&result).contains("foreign"),
        "{result}"
    );
    assert_eq!(upstream.counts("ask", "s8").await.completed, 1);
}

#[tokio::test]
async fn an_12_no_principal_gets_the_session_of_another() {
    let (_upstream, fleet) = start().await;
    let each = &fleet.each();
    let session = Session::open(&each[0].with_key(P)).await;
    let greeting = initialize(REVISION, &json!({}));
    for replica in each {
        let (p, q) = (replica.with_key(P), replica.with_key(Q));
        for chosen in [session.id.as_str(), UNKNOWN, "of-my-own-choice"] {
            let answer = q.post(&greeting).header("mcp-session-id", chosen).send().await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{chosen}");
            assert_eq!(answer.header("mcp-session-id"), None, "{chosen}");
        }
        let again = p
            .post(&greeting)
            .header("mcp-session-id", &session.id)
            .send()
            .await;
        assert_eq!(again.status, StatusCode::BAD_REQUEST);
        assert_eq!(again.header("mcp-session-id"), None);
        let own = Session::open(&q).await;
        assert_ne!(own.id, session.id);
        assert_eq!(
            own.at(&p).post(&list_request()).send().await.status,
            StatusCode::NOT_FOUND
        );
    }
}

/// What `p` is called in the keys of records.
const SCOPE_OF_P: &str = "vek_O_w7rkFn2Zqjp03xcA";

#[tokio::test]
async fn i10_every_record_of_a_session_stands_under_its_principal() {
    let upstream = Upstream::legacy().await;
    let redis = Arc::new(Redis::in_memory().await);
    let settings = p_and_q(Settings::in_front_of(&upstream.url()));
    let fleet = FleetSettings::new(settings).redis(&redis).start().await;
    let [a, b, _] = &fleet.each();
    let told = redis.monitor().await;
    let session = Session::open(&a.with_key(P)).await;
    // The session, what it opened upstream, a call that became a stream, its cancel, and the closing.
    let id = json!("call");
    let call = session.start(id.clone(), "tools/call", sleep("i10")).await;
    assert!(call.streamed);
    let elsewhere = session.at(&b.with_key(P));
    assert_eq!(elsewhere.cancel(&id).await, StatusCode::ACCEPTED);
    upstream
        .counts_reach("sleep", "i10", |counts| counts.cancelled == 1)
        .await;
    assert_eq!(elsewhere.delete().await, StatusCode::NO_CONTENT);
    let name = format!("{SCOPE_OF_P}/{}", session.id);
    let text = told.text_with(&format!("inv/{name}")).await;
    for record in ["sessions", "closing", "call/"] {
        let lines = text.lines().filter(|line| line.contains(&session.id));
        assert!(
            lines.clone().any(|line| line.contains(record)),
            "nothing is stored in {record}"
        );
    }
    for line in text.lines() {
        assert_eq!(
            line.matches(&session.id).count(),
            line.matches(&name).count(),
            "{line}"
        );
        assert!(
            !line.contains(P) && !line.contains(Q),
            "a key reached the coordinator: {line}"
        );
    }
}
