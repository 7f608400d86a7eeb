//! Peers that end without a word.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use mcpg_plugin_sdk::cluster::{PeerEvent, PeerId, PeerInfo};
use serde_json::json;
use tokio::time::timeout;

use crate::server::{Server, open_with, shared};

const PATIENCE: Duration = Duration::from_secs(30);

fn peer(node: &str) -> PeerInfo {
    PeerInfo {
        id: PeerId {
            node: node.to_owned(),
            boot: "1".to_owned(),
        },
        details: Bytes::from_static(b"details"),
    }
}

#[tokio::test]
async fn a_closed_replica_is_unreachable_at_once() {
    let server = shared();
    let prefix = Server::fresh_prefix();
    let closing = server.open(&prefix).await.unwrap();
    let staying = server.open(&prefix).await.unwrap();
    let _stay = closing.primitives().presence.join(peer("a")).await.unwrap();
    let mut events = staying.primitives().presence.peer_events().await.unwrap();
    assert_eq!(
        events.next().await.unwrap().unwrap(),
        PeerEvent::Joined(peer("a"))
    );
    closing.close().await.unwrap();
    let event = timeout(PATIENCE, events.next()).await.unwrap();
    assert_eq!(event.unwrap().unwrap(), PeerEvent::Unreachable(peer("a").id));
}

#[tokio::test]
async fn a_peer_outlives_its_ttl_and_comes_back_after_its_entry_was_lost() {
    let server = Server::start();
    let settings = json!({
        "url": server.url(""), "key_prefix": "p:", "peer_ttl_ms": 1500, "peer_refresh_interval_ms": 50,
    });
    let coordinator = open_with(&settings).await.unwrap();
    let presence = &coordinator.primitives().presence;
    let stay = presence.join(peer("a")).await.unwrap();
    let mut events = presence.peer_events().await.unwrap();
    assert_eq!(
        events.next().await.unwrap().unwrap(),
        PeerEvent::Joined(peer("a"))
    );
    // Several TTLs without a change: the watch compares every second and finds nothing to tell.
    let nothing = timeout(Duration::from_millis(3500), events.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    assert_eq!(presence.peers().await.unwrap(), [peer("a")]);
    server.command(&["FLUSHALL"]);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while presence.peers().await.unwrap() != [peer("a")] {
        assert!(tokio::time::Instant::now() < deadline, "the peer stayed away");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stay.leave().await.unwrap();
    assert!(presence.peers().await.unwrap().is_empty());
}
