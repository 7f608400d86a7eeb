//! Which replicas take part.

use std::time::Duration;

use http::{Method, StatusCode};

use super::replica::{READY_PATH, Replica};
use crate::support::balancer::{Balancer, Outcome, Policy, Setup};
use crate::support::fault_proxy::FaultProxy;
use crate::support::http::Call;

/// Longer than any test: a balancer that looks at its replicas only when it starts.
const NEVER: Duration = Duration::from_secs(3600);

async fn answer(balancer: &Balancer) -> String {
    Call::new(Method::GET, balancer.address, "/")
        .send()
        .await
        .text()
        .await
}

/// Who answers to so many requests.
async fn answers(balancer: &Balancer, count: usize) -> String {
    let mut names = String::new();
    for _ in 0..count {
        names += &answer(balancer).await;
    }
    names
}

fn in_front_of(replicas: &[&Replica]) -> Setup {
    let addresses: Vec<_> = replicas.iter().map(|replica| replica.address).collect();
    Setup::in_front_of(&addresses).ready_path(READY_PATH)
}

#[tokio::test]
async fn a_red_replica_is_left_out_until_it_is_green() {
    let (a, b) = (Replica::named("A").await, Replica::named("B").await);
    let balancer = in_front_of(&[&a, &b]).start().await;
    assert_eq!(answers(&balancer, 4).await, "ABAB");
    a.ready(503);
    balancer.until_out(0).await;
    assert_eq!(answers(&balancer, 3).await, "BBB");
    a.ready(200);
    balancer.until_in(0).await;
    assert_eq!(answers(&balancer, 4).await, "ABAB");
}

#[tokio::test]
async fn a_replica_whose_readiness_is_silent_is_left_out() {
    let (a, b) = (Replica::named("A").await, Replica::named("B").await);
    a.ready(0);
    let setup = in_front_of(&[&a, &b]).probe_limit(Duration::from_millis(500));
    let balancer = setup.start().await;
    balancer.until_in(1).await;
    assert_eq!(answers(&balancer, 3).await, "BBB");
    a.ready(204);
    balancer.until_in(0).await;
}

#[tokio::test]
async fn a_replica_that_refuses_is_left_out_until_it_accepts() {
    let (a, b) = (Replica::named("A").await, Replica::named("B").await);
    let proxy = FaultProxy::start(a.address);
    let setup = Setup::in_front_of(&[proxy.address, b.address]).ready_path(READY_PATH);
    let balancer = setup.start().await;
    proxy.cut().await;
    balancer.until_out(0).await;
    assert_eq!(answers(&balancer, 3).await, "BBB");
    assert!(
        balancer
            .served()
            .iter()
            .all(|served| served.refused_by.is_empty())
    );
    proxy.ok().await;
    balancer.until_in(0).await;
    assert_eq!(answers(&balancer, 2).await, "AB");
}

#[tokio::test]
async fn a_refused_connection_sends_the_request_to_the_next_replica() {
    let (a, b) = (Replica::named("A").await, Replica::named("B").await);
    let proxy = FaultProxy::start(a.address);
    let setup = Setup::in_front_of(&[proxy.address, b.address]).ready_path(READY_PATH);
    let balancer = setup.probe_period(NEVER).start().await;
    balancer.until_in(0).await;
    proxy.cut().await;
    assert_eq!(answers(&balancer, 3).await, "BBB");
    let served = balancer.served();
    assert_eq!(served[0].refused_by, [0]);
    // The first refusal was enough.
    assert!(served[1..].iter().all(|served| served.refused_by.is_empty()));
    assert_eq!(balancer.order(), [1, 1, 1]);
}

#[tokio::test]
async fn a_pattern_skips_replicas_that_are_out() {
    let (a, b) = (Replica::named("A").await, Replica::named("B").await);
    let c = Replica::named("C").await;
    b.ready(503);
    let pattern = Policy::pattern(&[0, 1, 1, 2, 1]);
    let balancer = in_front_of(&[&a, &b, &c]).policy(pattern).start().await;
    assert_eq!(answers(&balancer, 4).await, "ACAC");
}

#[tokio::test]
async fn a_random_order_leaves_out_what_is_out() {
    let (a, b) = (Replica::named("A").await, Replica::named("B").await);
    let c = Replica::named("C").await;
    b.ready(503);
    let balancer = in_front_of(&[&a, &b, &c]).policy(Policy::random(7)).start().await;
    let order = answers(&balancer, 20).await;
    assert!(
        order.contains('A') && order.contains('C') && !order.contains('B'),
        "{order}"
    );
}

#[tokio::test]
async fn a_forced_request_goes_to_a_red_replica_too_and_nowhere_else() {
    let (a, b) = (Replica::named("A").await, Replica::named("B").await);
    let proxy = FaultProxy::start(a.address);
    a.ready(503);
    let setup = Setup::in_front_of(&[proxy.address, b.address]).ready_path(READY_PATH);
    let balancer = setup.start().await;
    balancer.force(&[0]);
    assert_eq!(answer(&balancer).await, "A");
    proxy.cut().await;
    balancer.force(&[0]);
    let call = Call::new(Method::GET, balancer.address, "/");
    assert_eq!(call.send().await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(balancer.served()[1].refused_by, [0]);
    assert_eq!(answer(&balancer).await, "B");
}

#[tokio::test]
async fn without_a_replica_the_balancer_itself_answers() {
    let replica = Replica::named("A").await;
    replica.ready(500);
    let balancer = in_front_of(&[&replica]).start().await;
    let call = Call::new(Method::GET, balancer.address, "/");
    assert_eq!(call.send().await.status, StatusCode::SERVICE_UNAVAILABLE);
    balancer.until_outcome(0, Outcome::NoReplica).await;
    assert_eq!(balancer.order(), [0; 0]);
    assert_eq!(balancer.served()[0].replica, None);
}

#[tokio::test]
async fn a_replica_that_came_back_elsewhere_is_followed() {
    let (a, b) = (Replica::named("A").await, Replica::named("B").await);
    let balancer = in_front_of(&[&a]).start().await;
    assert_eq!(answer(&balancer).await, "A");
    drop(a);
    balancer.until_out(0).await;
    balancer.move_replica(0, b.address);
    balancer.until_in(0).await;
    assert_eq!(answer(&balancer).await, "B");
}
