//! Telling the replica of a stream's reader that there is something to read.

use std::pin::Pin;
use std::sync::Arc;

use mcpg_capabilities::calls::{CallKey, Version};
use mcpg_capabilities::delivery::Reader;
use mcpg_capabilities::mailbox::Note;
use tracing::debug;

use super::task::Streams;
use crate::router::head::{FIRST_PAUSE, LONGEST_PAUSE};

/// Wakes the reader of one stream: at most one note is on its way, and the next one tells of everything since.
pub(super) struct Waking {
    streams: Arc<Streams>,
    key: CallKey,
    wanted: Option<(Reader, Version)>,
    running: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Waking {
    pub(super) fn new(streams: &Arc<Streams>, key: &CallKey) -> Self {
        Self {
            streams: Arc::clone(streams),
            key: key.clone(),
            wanted: None,
            running: None,
        }
    }

    /// Lets the reader look at the head, which has this version.
    pub(super) fn wake(&mut self, reader: &Reader, version: Version) {
        if reader.boot == *self.streams.heads.replica.boot() {
            self.streams.followers.look(&self.key, Some(version));
            return;
        }
        self.wanted = Some((reader.clone(), version));
        self.start();
    }

    /// Lets somebody look who reads the stream no more.
    pub(super) fn wake_once(&self, former: Reader, version: Version) {
        let (streams, at) = (Arc::clone(&self.streams), self.key.head());
        if former.boot == *streams.heads.replica.boot() {
            return streams.followers.look(&self.key, Some(version));
        }
        let tasks = streams.heads.tasks.clone();
        tasks.spawn(tell(streams, former, Note { at, version }));
    }

    /// Goes on, as long as it is polled.
    pub(super) async fn run(&mut self) {
        loop {
            let Some(running) = &mut self.running else {
                return std::future::pending().await;
            };
            running.await;
            self.running = None;
            self.start();
        }
    }

    /// Does what is left without anybody who waits for it.
    pub(super) fn finish(mut self) {
        if self.running.is_none() {
            return;
        }
        let tasks = self.streams.heads.tasks.clone();
        tasks.spawn(async move {
            while let Some(running) = &mut self.running {
                running.await;
                self.running = None;
                self.start();
            }
        });
    }

    fn start(&mut self) {
        if self.running.is_some() {
            return;
        }
        if let Some((reader, version)) = self.wanted.take() {
            let (streams, at) = (Arc::clone(&self.streams), self.key.head());
            self.running = Some(Box::pin(tell(streams, reader, Note { at, version })));
        }
    }
}

/// Nothing else tells the reader, so it is tried for as long as there may be something to read.
async fn tell(streams: Arc<Streams>, reader: Reader, note: Note) {
    let mut pause = FIRST_PAUSE;
    let told = async {
        while let Err(error) = streams.mailbox.wake(&reader.boot, &note).await {
            debug!(message = "The reader of a stream could not be woken.", boot = %reader.boot, %error);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    };
    let _ = tokio::time::timeout(streams.heads.calls.record_ttl(), told).await;
}
