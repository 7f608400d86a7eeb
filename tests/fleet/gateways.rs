//! Gateways behind the balancer.

use http::StatusCode;
use serde_json::json;

use crate::support::balancer::{Balancer, Setup};
use crate::support::gateway::{Gateway, Settings};
use crate::support::legacy::Session;
use crate::support::mcp::{Endpoint, text_of};

async fn gateway() -> Gateway {
    Settings::new().mock_tool("greet", "hello").start().await
}

fn endpoint(balancer: &Balancer) -> Endpoint {
    Endpoint {
        address: balancer.address,
        path: "/mcp".to_owned(),
        key: None,
    }
}

#[tokio::test]
async fn a_gateway_is_served_through_the_balancer() {
    let gateway = gateway().await;
    let balancer = Setup::in_front_of(&[gateway.endpoint.address]).start().await;
    let session = Session::open(&endpoint(&balancer)).await;
    assert_eq!(text_of(&session.tool("greet", json!({})).await), "hello");
    assert!(session.delete().await.is_success());
    // The greeting, its confirmation, the call and the farewell.
    assert_eq!(balancer.order(), [0; 4]);
}

#[tokio::test]
async fn gateways_that_share_nothing_do_not_know_each_others_sessions() {
    let (a, b) = (gateway().await, gateway().await);
    let addresses = [a.endpoint.address, b.endpoint.address];
    let balancer = Setup::in_front_of(&addresses).start().await;
    balancer.force(&[0, 0]);
    let session = Session::open(&endpoint(&balancer)).await;
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    balancer.force(&[0, 1, 0]);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(session.send(&list).await.status);
    }
    assert_eq!(statuses, [StatusCode::OK, StatusCode::NOT_FOUND, StatusCode::OK]);
}
