#![allow(clippy::unwrap_used)]

use mcpg_config::app::{BindAddress, ReadinessMode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::readiness::Reason;

fn config(address: &str) -> Config {
    Config {
        bind_address: Some(BindAddress::parse(address).unwrap()),
    }
}

async fn start(readiness: &Readiness) -> Serving {
    let admin = Admin::bind(&config("127.0.0.1:0")).await.unwrap();
    admin.unwrap().serve(Told {
        readiness: readiness.clone(),
        status: Arc::default(),
        metrics: None,
    })
}

/// The whole answer to one request on a connection of its own.
async fn ask(serving: &Serving, line: &str) -> String {
    let mut stream = TcpStream::connect(serving.address()).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = timeout(Duration::from_secs(30), stream.read_to_string(&mut answer));
    read.await.unwrap().unwrap();
    answer
}

#[tokio::test]
async fn ready_follows_the_reasons_and_health_does_not() {
    let readiness = Readiness::starting(ReadinessMode::Standard);
    let serving = start(&readiness).await;
    let answer = ask(&serving, "GET /ready").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(
        answer.contains("\"ready\":false") && answer.contains("\"code\":\"starting\""),
        "{answer}"
    );
    assert!(ask(&serving, "GET /health").await.starts_with("HTTP/1.1 200 "));
    readiness.remove(Reason::Starting);
    readiness.add(Reason::CoordinatorAway);
    let answer = ask(&serving, "GET /ready?verbose").await;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.contains("coordinator_away"),
        "{answer}"
    );
    readiness.add(Reason::Stopping);
    assert!(ask(&serving, "HEAD /ready").await.starts_with("HTTP/1.1 503 "));
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let serving = start(&Readiness::starting(ReadinessMode::Standard)).await;
    let answer = ask(&serving, "GET /").await;
    assert!(
        answer.starts_with("HTTP/1.1 404 ")
            && answer.ends_with("there are /ready, /health, /cluster and /metrics\n"),
        "{answer}"
    );
    let answer = ask(&serving, "GET /cluster").await;
    assert!(
        answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("this replica does not serve yet\n"),
        "{answer}"
    );
    let answer = ask(&serving, "POST /ready").await;
    assert!(
        answer.starts_with("HTTP/1.1 405 ") && answer.contains("GET, HEAD"),
        "{answer}"
    );
}

#[tokio::test]
async fn silent_connections_hold_up_nobody_for_long() {
    let serving = start(&Readiness::starting(ReadinessMode::Standard)).await;
    let mut silent = Vec::new();
    for _ in 0..MOST_CONNECTIONS {
        silent.push(TcpStream::connect(serving.address()).await.unwrap());
    }
    // There is room again when the silent ones are let go.
    assert!(ask(&serving, "GET /health").await.starts_with("HTTP/1.1 200 "));
    drop(silent);
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_with_its_key() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let failure = Admin::bind(&config(&address)).await.err().unwrap();
    let shown = format!("{failure:?}");
    assert!(
        shown.contains("gateway.admin.bind_address") && shown.contains(&address),
        "{shown}"
    );
    let nowhere = Config { bind_address: None };
    assert!(Admin::bind(&nowhere).await.unwrap().is_none());
}
