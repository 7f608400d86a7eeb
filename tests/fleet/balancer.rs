//! Who gets which request, and what arrives of it.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::replica::{READY_PATH, Replica};
use crate::support::balancer::{Balancer, Outcome, Policy, Setup};
use crate::support::deadline::within;
use crate::support::http::Call;

const NAMES: [&str; 3] = ["A", "B", "C"];

async fn three() -> Vec<Replica> {
    let mut replicas = Vec::new();
    for name in NAMES {
        replicas.push(Replica::named(name).await);
    }
    replicas
}

async fn balancer(replicas: &[Replica], policy: Policy) -> Balancer {
    let addresses: Vec<_> = replicas.iter().map(|replica| replica.address).collect();
    let setup = Setup::in_front_of(&addresses)
        .ready_path(READY_PATH)
        .policy(policy);
    setup.start().await
}

/// Who answers to so many requests, each on a connection of its own.
async fn answers(balancer: &Balancer, count: usize) -> String {
    let mut names = String::new();
    for _ in 0..count {
        names += &Call::new(Method::GET, balancer.address, "/")
            .send()
            .await
            .text()
            .await;
    }
    names
}

#[tokio::test]
async fn round_robin_takes_strict_turns() {
    let replicas = three().await;
    let balancer = balancer(&replicas, Policy::round_robin()).await;
    assert_eq!(answers(&balancer, 7).await, "ABCABCA");
}

#[tokio::test]
async fn requests_on_one_connection_go_to_different_replicas() {
    let replicas = three().await;
    let balancer = balancer(&replicas, Policy::round_robin()).await;
    let stream = TcpStream::connect(balancer.address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut names = String::new();
    for _ in 0..6 {
        let request = Request::get("/")
            .header("host", "one")
            .body(Empty::<Bytes>::new())
            .unwrap();
        let answer = within("an answer", sender.send_request(request)).await.unwrap();
        let body = within("its body", answer.into_body().collect())
            .await
            .unwrap()
            .to_bytes();
        names += std::str::from_utf8(&body).unwrap();
    }
    connection.abort();
    assert_eq!(names, "ABCABC");
}

#[tokio::test]
async fn a_seed_decides_the_random_order() {
    let replicas = three().await;
    let mut orders = Vec::new();
    for seed in [1, 1, 2] {
        let balancer = balancer(&replicas, Policy::random(seed)).await;
        orders.push(answers(&balancer, 30).await);
    }
    assert_eq!(orders[0], orders[1]);
    assert_ne!(orders[0], orders[2]);
    for order in &orders {
        assert!(NAMES.iter().all(|name| order.contains(name)), "{order}");
        assert!(
            NAMES.iter().any(|name| order.contains(&name.repeat(2))),
            "{order}"
        );
    }
}

#[tokio::test]
async fn a_fixed_pattern_is_repeated() {
    let replicas = three().await;
    let balancer = balancer(&replicas, Policy::pattern(&[0, 1, 1, 0, 1])).await;
    assert_eq!(answers(&balancer, 11).await, "ABBABABBABA");
}

#[tokio::test]
async fn forced_requests_go_where_they_are_told_and_take_no_turn() {
    let replicas = three().await;
    let balancer = balancer(&replicas, Policy::round_robin()).await;
    assert_eq!(answers(&balancer, 1).await, "A");
    balancer.force(&[2, 2]);
    balancer.force(&[0]);
    assert_eq!(answers(&balancer, 6).await, "CCABCA");
}

#[tokio::test]
async fn the_records_tell_who_served_what() {
    let replicas = three().await;
    let balancer = balancer(&replicas, Policy::pattern(&[2, 0])).await;
    let call = Call::new(Method::POST, balancer.address, "/mcp?x=1").header("mark", "first");
    assert_eq!(call.body("{}").send().await.text().await, "C");
    let head = Call::new(Method::HEAD, balancer.address, "/other").send().await;
    assert_eq!(head.status, StatusCode::OK);
    assert_eq!(balancer.order(), [2, 0]);
    let complete = Outcome::Complete(StatusCode::OK);
    balancer.until_outcome(0, complete).await;
    balancer.until_outcome(1, complete).await;
    let served = balancer.served();
    assert_eq!(
        (&served[0].method, served[0].path.as_str()),
        (&Method::POST, "/mcp?x=1")
    );
    assert_eq!(
        (&served[1].method, served[1].path.as_str()),
        (&Method::HEAD, "/other")
    );
    assert_eq!(served[0].headers["mark"], "first");
    assert!(served.iter().all(|served| served.refused_by.is_empty()));
}

#[tokio::test]
async fn a_request_arrives_as_it_was_sent_host_included() {
    let mut replica = Replica::scripted().await;
    let setup = Setup::in_front_of(&[replica.address]).ready_path(READY_PATH);
    let balancer = setup.start().await;
    let call = Call::new(Method::POST, balancer.address, "/a%20b?c=d&c=e")
        .header("host", "gateway.example:8443")
        .header("mcp-session-id", "s")
        .header("twice", "1")
        .header("twice", "2")
        .header("connection", "keep-alive, hop")
        .header("hop", "1")
        .body("body");
    let client = tokio::spawn(call.send());
    let mut request = replica.request().await;
    let mut lines: Vec<&str> = request.head.trim_end().split("\r\n").collect();
    assert_eq!(lines.remove(0), "POST /a%20b?c=d&c=e HTTP/1.1");
    lines.sort_unstable();
    let expected = [
        "content-length: 4",
        "host: gateway.example:8443",
        "mcp-session-id: s",
        "twice: 1",
        "twice: 2",
    ];
    assert_eq!(lines, expected);
    request.expect("body").await;
    request
        .write("HTTP/1.1 404 Not Found\r\nmcp-session-id: t\r\ncontent-length: 4\r\n\r\ngone")
        .await;
    let answer = client.await.unwrap();
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.header("mcp-session-id"), Some("t"));
    assert_eq!(answer.text().await, "gone");
}

#[tokio::test]
async fn each_event_of_a_stream_passes_at_once() {
    let mut replica = Replica::scripted().await;
    let setup = Setup::in_front_of(&[replica.address]).ready_path(READY_PATH);
    let balancer = setup.start().await;
    let client = tokio::spawn(Call::new(Method::GET, balancer.address, "/mcp").send());
    let mut request = replica.request().await;
    request
        .write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    // The head comes before the first event is there.
    let mut events = within("the head", client).await.unwrap().events();
    for number in 0..5 {
        request.write(&format!("9\r\ndata: {number}\n\n\r\n")).await;
        let event = events.next().await.expect("the stream goes on");
        assert_eq!(event.data, Some(number.to_string()));
    }
    balancer
        .until_outcome(0, Outcome::Streaming(StatusCode::OK))
        .await;
    request.write("0\r\n\r\n").await;
    assert_eq!(events.next().await, None);
    balancer.until_outcome(0, Outcome::Complete(StatusCode::OK)).await;
}

#[tokio::test]
async fn each_part_of_an_upload_passes_at_once() {
    let mut replica = Replica::scripted().await;
    let setup = Setup::in_front_of(&[replica.address]).ready_path(READY_PATH);
    let balancer = setup.start().await;
    let mut client = TcpStream::connect(balancer.address).await.unwrap();
    let head = "POST /mcp HTTP/1.1\r\nhost: one\r\ncontent-length: 6\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    let mut request = replica.request().await;
    for part in ["ab", "cd", "ef"] {
        client.write_all(part.as_bytes()).await.unwrap();
        request.expect(part).await;
    }
    request
        .write("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
        .await;
    let mut status = [0; 12];
    within("the status line", client.read_exact(&mut status))
        .await
        .unwrap();
    assert_eq!(&status, b"HTTP/1.1 202");
}
