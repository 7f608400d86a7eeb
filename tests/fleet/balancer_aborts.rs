//! What a balancer does when either side of a request breaks off.

use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::replica::{READY_PATH, Replica};
use crate::support::balancer::{Balancer, Outcome, Setup};
use crate::support::deadline::within;
use crate::support::http::Call;

/// Two replicas that answer what the test says. The first request goes to the first.
async fn pair() -> (Replica, Replica, Balancer) {
    let (first, second) = (Replica::scripted().await, Replica::scripted().await);
    let setup = Setup::in_front_of(&[first.address, second.address]).ready_path(READY_PATH);
    (first, second, setup.start().await)
}

/// A client that has sent this and nothing more.
async fn client(balancer: &Balancer, text: &str) -> TcpStream {
    let mut client = TcpStream::connect(balancer.address).await.unwrap();
    client.write_all(text.as_bytes()).await.unwrap();
    client
}

/// Everything that a client gets until its connection ends, by a close or by a reset.
async fn received(mut client: TcpStream) -> String {
    let mut bytes = Vec::new();
    // What came before a reset is kept, and the reset is an end like any other.
    let _ = within(
        "the end of the client's connection",
        client.read_to_end(&mut bytes),
    )
    .await;
    String::from_utf8(bytes).unwrap()
}

const REQUEST: &str = "GET /mcp HTTP/1.1\r\nhost: one\r\n\r\n";

#[tokio::test]
async fn a_client_that_leaves_before_any_byte_of_an_answer_aborts_the_request() {
    let (mut replica, _second, balancer) = pair().await;
    let call = "POST /mcp HTTP/1.1\r\nhost: one\r\ncontent-length: 2\r\n\r\n{}";
    let client = client(&balancer, call).await;
    let mut request = replica.request().await;
    request.expect("{}").await;
    balancer.until_outcome(0, Outcome::Waiting).await;
    drop(client);
    request.closed().await;
    balancer.until_outcome(0, Outcome::ClientGone).await;
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_aborts_the_request() {
    let (mut replica, _second, balancer) = pair().await;
    let call = tokio::spawn(Call::new(Method::GET, balancer.address, "/mcp").send());
    let mut request = replica.request().await;
    request
        .write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    request.write("9\r\ndata: 1\n\n\r\n").await;
    let mut events = call.await.unwrap().events();
    assert!(events.next().await.is_some());
    drop(events);
    request.closed().await;
    balancer.until_outcome(0, Outcome::ClientGone).await;
}

#[tokio::test]
async fn a_client_that_leaves_its_upload_aborts_the_request() {
    let (mut replica, _second, balancer) = pair().await;
    let upload = "POST /mcp HTTP/1.1\r\nhost: one\r\ncontent-length: 100\r\n\r\nhalf";
    let client = client(&balancer, upload).await;
    let mut request = replica.request().await;
    request.expect("half").await;
    drop(client);
    request.closed().await;
}

#[tokio::test]
async fn a_sent_request_is_never_sent_again() {
    let (mut replica, mut second, balancer) = pair().await;
    let client = client(&balancer, REQUEST).await;
    drop(replica.request().await);
    assert_eq!(received(client).await, "", "an answer that no replica gave");
    balancer.until_outcome(0, Outcome::Cut).await;
    assert!(!replica.has_request() && !second.has_request());
    assert_eq!(balancer.order(), [0]);
    assert!(balancer.served()[0].refused_by.is_empty());
}

#[tokio::test]
async fn a_replica_that_breaks_off_a_stream_cuts_the_client() {
    let (mut replica, mut second, balancer) = pair().await;
    let client = client(&balancer, REQUEST).await;
    let mut request = replica.request().await;
    request
        .write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        .await;
    balancer
        .until_outcome(0, Outcome::Streaming(StatusCode::OK))
        .await;
    drop(request);
    let text = received(client).await;
    assert!(!text.contains("\r\n0\r\n"), "a proper end: {text}");
    balancer.until_outcome(0, Outcome::Cut).await;
    assert!(!second.has_request());
}

#[tokio::test]
async fn a_replica_that_breaks_off_a_body_of_known_length_cuts_the_client() {
    let (mut replica, _second, balancer) = pair().await;
    let client = client(&balancer, REQUEST).await;
    let mut request = replica.request().await;
    request
        .write("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf")
        .await;
    balancer
        .until_outcome(0, Outcome::Streaming(StatusCode::OK))
        .await;
    drop(request);
    let text = received(client).await;
    assert!(text.is_empty() || text.contains("content-length: 8"), "{text}");
    assert!(!text.ends_with("halfhalf"), "{text}");
    balancer.until_outcome(0, Outcome::Cut).await;
}

#[tokio::test]
async fn a_balancer_that_stops_cuts_both_sides() {
    let (mut replica, _second, balancer) = pair().await;
    let client = client(&balancer, REQUEST).await;
    let mut request = replica.request().await;
    drop(balancer);
    request.closed().await;
    assert_eq!(received(client).await, "");
}
