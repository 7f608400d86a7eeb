//! What a fault proxy does to the connections that pass through it.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::deadline::{until_true, within};
use crate::support::fault_proxy::FaultProxy;

/// How long a test watches that nothing comes.
const SILENCE: Duration = Duration::from_millis(100);

/// A server that sends back what it gets, and a proxy in front of it.
async fn echo() -> (FaultProxy, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = FaultProxy::start(listener.local_addr().unwrap());
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            connections.spawn(async move {
                let (mut reader, mut writer) = stream.split();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
            });
        }
    });
    (proxy, server)
}

async fn connect(proxy: &FaultProxy) -> TcpStream {
    within("a connection", TcpStream::connect(proxy.address))
        .await
        .unwrap()
}

/// Sends four bytes and gets them back.
async fn ping(client: &mut TcpStream) {
    client.write_all(b"ping").await.unwrap();
    let mut bytes = [0; 4];
    within("the echo", client.read_exact(&mut bytes)).await.unwrap();
    assert_eq!(&bytes, b"ping");
}

/// Waits for a close or a reset; bytes are a failure.
async fn closed(client: &mut TcpStream) {
    let read = within("the end of the connection", client.read(&mut [0; 16])).await;
    assert!(!read.as_ref().is_ok_and(|count| *count > 0), "{read:?}");
}

async fn silent(client: &mut TcpStream) {
    let read = timeout(SILENCE, client.read(&mut [0; 16])).await;
    assert!(read.is_err(), "not silent: {read:?}");
}

#[tokio::test]
async fn ok_hands_on_bytes_and_ends_in_both_directions() {
    let (proxy, _server) = echo().await;
    let mut client = connect(&proxy).await;
    ping(&mut client).await;
    // More than all buffers on the way hold, then half a close: the rest still comes back.
    let sent: Vec<u8> = (0..8_000_000_u32)
        .map(|at| at.to_le_bytes()[at as usize % 3])
        .collect();
    let (mut reader, mut writer) = client.into_split();
    let expected = sent.clone();
    let writing = tokio::spawn(async move {
        writer.write_all(&sent).await.unwrap();
        writer.shutdown().await.unwrap();
    });
    let mut received = Vec::new();
    within("the whole echo", reader.read_to_end(&mut received))
        .await
        .unwrap();
    writing.await.unwrap();
    assert!(received == expected, "{} bytes came back changed", received.len());
    until_true("the connection is counted as closed", async || {
        proxy.counters().open == 0
    })
    .await;
}

#[tokio::test]
async fn cut_closes_connections_and_refuses_new_ones_until_ok() {
    let (proxy, _server) = echo().await;
    let mut clients = [connect(&proxy).await, connect(&proxy).await];
    for client in &mut clients {
        ping(client).await;
    }
    proxy.cut().await;
    for client in &mut clients {
        closed(client).await;
    }
    let refused = TcpStream::connect(proxy.address).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    let counters = proxy.counters();
    assert_eq!((counters.accepted, counters.cut, counters.open), (2, 2, 0));
    proxy.ok().await;
    ping(&mut connect(&proxy).await).await;
}

#[tokio::test]
async fn the_address_survives_many_cuts() {
    let (proxy, _server) = echo().await;
    for _ in 0..50 {
        let mut client = connect(&proxy).await;
        ping(&mut client).await;
        proxy.cut().await;
        closed(&mut client).await;
        proxy.ok().await;
    }
    assert_eq!(proxy.counters().cut, 50);
}

#[tokio::test]
async fn a_blackhole_swallows_bytes_and_keeps_connections() {
    let (proxy, _server) = echo().await;
    let mut old = connect(&proxy).await;
    ping(&mut old).await;
    proxy.blackhole().await;
    let mut new = connect(&proxy).await;
    for client in [&mut old, &mut new] {
        client.write_all(b"lost").await.unwrap();
    }
    until_true("all bytes vanished", async || proxy.counters().vanished == 8).await;
    silent(&mut old).await;
    silent(&mut new).await;
    let counters = proxy.counters();
    assert_eq!((counters.to_target, counters.to_client, counters.open), (4, 4, 2));
}

#[tokio::test]
async fn a_blackhole_swallows_what_the_target_sends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = FaultProxy::start(listener.local_addr().unwrap());
    let mut client = connect(&proxy).await;
    let (mut target, _) = within("the proxy's connection", listener.accept()).await.unwrap();
    proxy.blackhole().await;
    target.write_all(b"lost").await.unwrap();
    until_true("the bytes vanished", async || proxy.counters().vanished == 4).await;
    // Neither does the end of the connection get through.
    drop(target);
    silent(&mut client).await;
    proxy.ok().await;
    closed(&mut client).await;
}

#[tokio::test]
async fn after_a_blackhole_only_whole_connections_carry_on() {
    let (proxy, _server) = echo().await;
    let (mut whole, mut broken) = (connect(&proxy).await, connect(&proxy).await);
    ping(&mut whole).await;
    ping(&mut broken).await;
    proxy.blackhole().await;
    let mut waiting = connect(&proxy).await;
    broken.write_all(b"lost").await.unwrap();
    until_true("the bytes vanished", async || proxy.counters().vanished == 4).await;
    proxy.ok().await;
    closed(&mut broken).await;
    ping(&mut whole).await;
    ping(&mut waiting).await;
}

#[tokio::test]
async fn a_delay_holds_back_each_direction() {
    let (proxy, _server) = echo().await;
    let mut client = connect(&proxy).await;
    proxy.delay(60).await;
    let began = Instant::now();
    ping(&mut client).await;
    assert!(
        began.elapsed() >= Duration::from_millis(120),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_delay_is_no_limit_of_speed() {
    let (proxy, _server) = echo().await;
    let mut client = connect(&proxy).await;
    proxy.delay(300).await;
    let began = Instant::now();
    let mut expected = Vec::new();
    for number in 0..100_u8 {
        client.write_all(&[number; 10]).await.unwrap();
        expected.extend_from_slice(&[number; 10]);
        // Lets the proxy read each of them alone.
        tokio::task::yield_now().await;
    }
    let mut received = vec![0; expected.len()];
    within("the late echo", client.read_exact(&mut received))
        .await
        .unwrap();
    assert_eq!(received, expected);
    // One after the other they would take a minute.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn the_end_of_a_delay_frees_what_it_held() {
    let (proxy, _server) = echo().await;
    let mut client = connect(&proxy).await;
    ping(&mut client).await;
    proxy.delay(3_600_000).await;
    client.write_all(b"late").await.unwrap();
    silent(&mut client).await;
    proxy.ok().await;
    let mut bytes = [0; 4];
    within("what was late", client.read_exact(&mut bytes))
        .await
        .unwrap();
    assert_eq!(&bytes, b"late");
}

#[tokio::test]
async fn each_proxy_has_its_own_fault() {
    let (first, _first_server) = echo().await;
    let (second, _second_server) = echo().await;
    first.cut().await;
    assert!(TcpStream::connect(first.address).await.is_err());
    ping(&mut connect(&second).await).await;
    assert_eq!(second.counters().cut, 0);
}

#[tokio::test]
async fn a_target_that_refuses_ends_the_connection() {
    let (target, _server) = echo().await;
    target.cut().await;
    let proxy = FaultProxy::start(target.address);
    let mut client = connect(&proxy).await;
    closed(&mut client).await;
    assert_eq!(proxy.counters().unreachable, 1);
}

#[tokio::test]
async fn a_target_that_goes_away_ends_the_connection() {
    let (proxy, server) = echo().await;
    let mut client = connect(&proxy).await;
    ping(&mut client).await;
    drop(server);
    closed(&mut client).await;
    drop(client);
    until_true("the connection is counted as closed", async || {
        proxy.counters().open == 0
    })
    .await;
}
