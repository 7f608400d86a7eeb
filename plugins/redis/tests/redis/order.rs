//! The order of changes in a scope that does not fit into one page.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use mcpg_plugin_sdk::cluster::{Expect, Key, WatchEvent};
use tokio::time::timeout;

use crate::server::{Server, shared};

const ROUNDS: u32 = 60;

/// Large enough that a page ends before the last name.
const FILLING: usize = 900 * 1024;

/// A write to the first page that was missed must not come after a younger one to the last page.
#[tokio::test]
async fn a_reading_of_several_pages_keeps_the_order() {
    let server = shared();
    let prefix = Server::fresh_prefix();
    let (writing, watching) = (
        server.open(&prefix).await.unwrap(),
        server.open(&prefix).await.unwrap(),
    );
    let mut changes = watching.primitives().watch.watch(b"scope", b"").await.unwrap();
    assert!(matches!(changes.next().await, Some(Ok(WatchEvent::Snapshot(_)))));
    let writer = tokio::spawn(async move {
        let key_value = &writing.primitives().key_value;
        for round in 0..ROUNDS {
            for number in 0..8 {
                let filling = Key::new("scope", format!("m{number}"));
                let value = Bytes::from(vec![b'x'; FILLING]);
                key_value.put(&filling, value, Expect::Any, None).await.unwrap();
            }
            for name in ["a", "z"] {
                let value = Bytes::from(round.to_string());
                key_value
                    .put(&Key::new("scope", name), value, Expect::Any, None)
                    .await
                    .unwrap();
            }
        }
    });
    let (mut first, mut last) = (None, None);
    while last != Some(ROUNDS - 1) {
        let change = timeout(Duration::from_secs(60), changes.next()).await.unwrap();
        let WatchEvent::Put(put) = change.unwrap().unwrap() else {
            panic!("only puts were made");
        };
        let round = || String::from_utf8_lossy(&put.entry.value).parse::<u32>().unwrap();
        if put.name == "a" {
            first = Some(round());
        } else if put.name == "z" {
            last = Some(round());
            assert!(first >= last, "z of round {last:?} came when a was at {first:?}");
        }
    }
    writer.await.unwrap();
}
