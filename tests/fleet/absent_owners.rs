//! A cancel or an answer is taken at one replica while the replica that runs the call is paused or cut off.

use http::StatusCode;
use serde_json::json;

use crate::support::fleet::{Fleet, FleetSettings};
use crate::support::legacy::Session;
use crate::support::mcp::{Endpoint, Exchange, text_of};
use crate::support::upstream::{Counts, Upstream};

/// A session at A whose call has a stream, so that all replicas can know of it.
struct Scene {
    upstream: Upstream,
    fleet: Fleet,
    b: Endpoint,
    session: Session,
}

impl Scene {
    async fn begin() -> Self {
        let upstream = Upstream::legacy().await;
        let fleet = FleetSettings::in_front_of(&upstream.url())
            .breakable_network()
            .start()
            .await;
        let [a, b, _] = fleet.each();
        let session = Session::open_with(&a, json!({"elicitation": {"form": {}}})).await;
        Self {
            upstream,
            fleet,
            b,
            session,
        }
    }

    /// A call that ends by itself, but not before its owner has gone.
    async fn sleeping(&self) -> Exchange {
        let params = json!({"name": "sleep", "arguments": {"ms": 2500, "tag": "slow"}});
        let call = self.session.start(json!("slow"), "tools/call", params).await;
        assert!(call.streamed);
        call
    }

    async fn cancel_at_b(&self) {
        let status = self.session.at(&self.b).cancel(&json!("slow")).await;
        assert_eq!(status, StatusCode::ACCEPTED);
    }

    /// The upstream has made its answer, which waits for its owner.
    async fn upstream_is_done(&self) {
        let done = |counts: Counts| counts.completed + counts.cancelled == 1;
        self.upstream.counts_reach("sleep", "slow", done).await;
    }
}

/// Nothing that looks like a response comes before the end.
async fn assert_no_response(mut call: Exchange) {
    let message = call.next().await;
    assert_eq!(message, None, "a response after an acknowledged cancel");
}

#[tokio::test]
async fn c1_a_cancel_that_was_acknowledged_while_the_owner_was_paused_holds() {
    let scene = Scene::begin().await;
    let call = scene.sleeping().await;
    let owner = &scene.fleet.replicas[0].program;
    owner.pause();
    scene.cancel_at_b().await;
    scene.upstream_is_done().await;
    owner.resume();
    assert_no_response(call).await;
}

#[tokio::test]
async fn c1_a_cancel_that_was_acknowledged_while_the_owner_was_cut_off_holds() {
    let scene = Scene::begin().await;
    let call = scene.sleeping().await;
    let network = scene.fleet.replicas[0].network();
    network.cut().await;
    scene.cancel_at_b().await;
    network.ok().await;
    assert_no_response(call).await;
    scene.upstream_is_done().await;
}

#[tokio::test]
async fn p1_an_answer_taken_while_the_asking_replica_is_absent_arrives_when_it_is_back() {
    let scene = Scene::begin().await;
    for paused in [true, false] {
        let arguments = json!({"question": "?", "tag": format!("paused {paused}")});
        let (_, mut call) = scene.session.start_tool("ask", arguments).await;
        let question = call.expect("elicitation/create").await;
        let owner = &scene.fleet.replicas[0];
        match paused {
            true => owner.program.pause(),
            false => owner.network().cut().await,
        }
        let answer = json!({"action": "accept", "content": {"answer": "blue"}});
        let status = scene.session.at(&scene.b).respond(&question, answer).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        match paused {
            true => owner.program.resume(),
            false => owner.network().ok().await,
        }
        let result = call.result().await;
        assert!(text_of(&result).contains("blue"), "{result}");
    }
}
