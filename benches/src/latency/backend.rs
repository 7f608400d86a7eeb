//! What the backend itself takes, through the same plugin that the gateway uses.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt as _;
use mcpg_cluster::{Coordinator, Event, Expect, Key};
use mcpg_plugin_host::{Deadlines, Plugin};
use serde_json::Value;

use super::samples::Samples;
use crate::failure::{Failure, While as _};

/// About what the head of a call with a short log weighs.
const HEAD_BYTES: usize = 2048;
/// About what a note to another replica weighs.
const NOTE_BYTES: usize = 256;
const TTL: Option<Duration> = Some(Duration::from_secs(600));

/// How long the backend's operations take from this process.
#[derive(Debug)]
pub(super) struct RoundTrips {
    /// A read.
    pub(super) get: Samples,
    /// A compare-and-set of a record as large as a head: the log write.
    pub(super) log_write: Samples,
    /// A new record as small as a note: the mailbox write.
    pub(super) mail_write: Samples,
    /// From publishing a message to its arrival over another connection.
    pub(super) message: Samples,
}

/// Opens the coordinator that a `cluster` block without `kind` describes.
async fn open(library: &Path, block: &Value) -> Result<Arc<dyn Coordinator>, Failure> {
    let plugin = Plugin::load(library, Deadlines::default())
        .attempting(|| format!("loading {}", library.display()))?;
    let opened = plugin.open(block).await;
    opened.attempting(|| "opening the coordinator".to_owned())
}

/// Measures each operation `count` times, one after the other.
pub(super) async fn measure(
    library: &Path,
    blocks: [&Value; 2],
    count: usize,
) -> Result<RoundTrips, Failure> {
    let here = open(library, blocks[0]).await?;
    let there = open(library, blocks[1]).await?;
    let mut trips = RoundTrips {
        get: Samples::new("read of a record"),
        log_write: Samples::new("log write"),
        mail_write: Samples::new("mailbox write"),
        message: Samples::new("publish until received"),
    };
    records(here.as_ref(), &mut trips, count).await?;
    messages(here.as_ref(), there.as_ref(), &mut trips, count).await?;
    for coordinator in [here, there] {
        let closed = coordinator.close().await;
        closed.attempting(|| "closing the coordinator".to_owned())?;
    }
    Ok(trips)
}

async fn records(coordinator: &dyn Coordinator, trips: &mut RoundTrips, count: usize) -> Result<(), Failure> {
    let key_value = &coordinator.primitives().key_value;
    let attempt = || "using a record".to_owned();
    let head = Key::new("bench", "head");
    let value = Bytes::from(vec![b'x'; HEAD_BYTES]);
    let note = Bytes::from(vec![b'x'; NOTE_BYTES]);
    let mut version = key_value
        .put(&head, value.clone(), Expect::Absent, TTL)
        .await
        .attempting(attempt)?;
    for number in 0..count {
        let began = Instant::now();
        key_value.get(&head).await.attempting(attempt)?;
        trips.get.add(began.elapsed());
        let began = Instant::now();
        let written = key_value.put(&head, value.clone(), Expect::Version(version), TTL);
        version = written.await.attempting(attempt)?;
        trips.log_write.add(began.elapsed());
        let key = Key::new("bench-mail", number.to_string());
        let began = Instant::now();
        let written = key_value.put(&key, note.clone(), Expect::Absent, TTL);
        written.await.attempting(attempt)?;
        trips.mail_write.add(began.elapsed());
    }
    Ok(())
}

async fn messages(
    here: &dyn Coordinator,
    there: &dyn Coordinator,
    trips: &mut RoundTrips,
    count: usize,
) -> Result<(), Failure> {
    let attempt = || "sending a message".to_owned();
    let subscribed = there.primitives().pubsub.subscribe(b"bench").await;
    let mut heard = subscribed.attempting(attempt)?;
    for _ in 0..count {
        let began = Instant::now();
        let published = here
            .primitives()
            .pubsub
            .publish(b"bench", Bytes::from_static(b"x"));
        published.await.attempting(attempt)?;
        loop {
            match heard.next().await {
                Some(Ok(Event::Message(_))) => break,
                Some(Ok(Event::Gap)) => {}
                Some(Err(error)) => return Err(error).attempting(attempt),
                None => return Err(Failure::new("the subscription ended")),
            }
        }
        trips.message.add(began.elapsed());
    }
    Ok(())
}
