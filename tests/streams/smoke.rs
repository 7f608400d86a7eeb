//! The shortest run through everything that makes three replicas one server. `tests/scripts/smoke.sh` repeats it under
//! load: it is where a test that only works on an idle machine would show.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::fleet::{Fleet, FleetSettings};
use crate::support::legacy::Session;
use crate::support::mcp::{Endpoint, text_of};
use crate::support::session_requests::assert_all_not_found;
use crate::support::upstream::Upstream;

#[tokio::test]
async fn sb_7_a_cluster_smoke() {
    let upstream = Upstream::legacy().await;
    let mut fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
    let each = fleet.each();
    let lived = whole_life(&fleet.entry(), &each, &upstream, "all").await;
    fleet.replicas[0].kill();
    // The balancer may need a moment; who goes past it need not.
    let survivors = [each[1].clone(), each[2].clone()];
    for endpoint in &survivors {
        assert_all_not_found(endpoint, &lived.id).await;
    }
    let session = Session::open_with(&survivors[0], capabilities()).await;
    fleet.balancer.until_out(0).await;
    whole_life(&fleet.entry(), &survivors, &upstream, "two").await;
    fleet.replicas[0].restart().await;
    fleet.balancer.until_in(0).await;
    echo(&session.at(&each[0]), "from before").await;
    whole_life(&fleet.entry(), &each, &upstream, "again").await;
    assert_eq!(turns(&fleet), 3, "every replica had a part in it");
}

fn capabilities() -> Value {
    json!({"elicitation": {"form": {}}})
}

fn turns(fleet: &Fleet) -> usize {
    let order = fleet.balancer.order();
    (0..3).filter(|replica| order.contains(replica)).count()
}

async fn echo(session: &Session, text: &str) {
    let result = session.tool("echo", json!({"message": text})).await;
    assert_eq!(text_of(&result), text);
}

/// A session from its greeting to its end, each step at another replica.
async fn whole_life(entry: &Endpoint, each: &[Endpoint], upstream: &Upstream, tag: &str) -> Session {
    let session = Session::open_with(entry, capabilities()).await;
    let at = |number: usize| session.at(&each[number % each.len()]);
    for number in 0..each.len() * 2 {
        echo(&at(number), &number.to_string()).await;
    }
    let (_, mut call) = at(0).start_tool("ask", json!({"question": "which?"})).await;
    let question = call.expect("elicitation/create").await;
    let answer = json!({"action": "accept", "content": {"answer": tag}});
    assert_eq!(at(1).respond(&question, answer).await, StatusCode::ACCEPTED);
    assert!(text_of(&call.result().await).contains(tag));

    let params = json!({"name": "sleep", "arguments": {"ms": 25_000, "tag": tag}});
    let mut call = at(1).start(json!("slow"), "tools/call", params).await;
    assert_eq!(at(2).cancel(&json!("slow")).await, StatusCode::ACCEPTED);
    assert_eq!(call.next().await, None, "a response after the cancel");
    upstream
        .counts_reach("sleep", tag, |counts| counts.cancelled == 1)
        .await;

    assert_eq!(at(2).delete().await, StatusCode::NO_CONTENT);
    for endpoint in each {
        assert_all_not_found(endpoint, &session.id).await;
    }
    session
}
