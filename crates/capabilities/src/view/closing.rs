//! Telling the whole fleet that a session is closed, or a catalogue changed: steps two and three of a DELETE.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use mcpg_cluster::{Error, ErrorKind, Expect, Key, Result};
use tracing::debug;

use super::View;
use super::feed::{self, Closing, News};
use crate::owner::BootId;
use crate::timing::sleep_until;
use crate::weakness::{self, Weakness};

/// How long a closing is tried to be put into the feed.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);
const PAGE: usize = 256;

impl View {
    /// Puts the closing of `session` into the feed and waits until no replica uses what it remembers of it: all have
    /// said so, or one and a quarter validities are over - then no view from before the closing is fresh, whatever
    /// happened to its replica. The quarter is for clocks that differ by a tenth each.
    ///
    /// The session's record must be closed before.
    ///
    /// # Errors
    /// Why the closing could not be put into the feed; then nobody may be told that the session is gone.
    pub async fn announce_closed(&self, session: &str) -> Result<()> {
        let session = session.to_owned();
        self.announce(News::Closed { session }).await
    }

    /// Puts into the feed that what `upstream` lists has the content of `version`, and waits in the same way until no
    /// replica uses what it remembers of earlier versions.
    ///
    /// The catalogue's record must say so before.
    ///
    /// # Errors
    /// Why it could not be put into the feed; then nobody may be told of the change.
    pub async fn announce_changed(&self, upstream: &str, version: u64) -> Result<()> {
        let upstream = upstream.to_owned();
        self.announce(News::Changed { upstream, version }).await
    }

    async fn announce(&self, news: News) -> Result<()> {
        let name = news.name();
        let awaited = self.acks.wait_for(&name);
        self.tell(&news);
        self.put_closing(&news).await?;
        let clock = self.parts.clock.as_ref();
        let no_view_lasts_longer = clock.now() + self.parts.validity * 5 / 4;
        // A list that may be out of date could miss a member, and with it one that must be waited for.
        let boots = if self.parts.support.stale_reads.is_zero() || weakness::has(Weakness::ListsThoughStale) {
            self.others().await.ok()
        } else {
            None
        };
        let acknowledged = async {
            match &boots {
                Some(boots) => awaited.all(boots).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = acknowledged => {}
            () = sleep_until(clock, no_view_lasts_longer) => {
                debug!(message = "Not every replica acknowledged in time what it was told.", what = name);
            }
        }
        Ok(())
    }

    /// Another replica has processed the news of this name.
    pub fn acknowledged(&self, name: &str, boot: BootId) {
        self.acks.came(name, boot);
    }

    /// Puts the news into the feed, or adds this replica to those who are told about one that is there.
    async fn put_closing(&self, news: &News) -> Result<()> {
        let key = news.key();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match self.try_put_closing(&key).await {
                Ok(()) => return Ok(()),
                // It does not matter who puts it there, nor how often.
                Err(error) if tokio::time::Instant::now() + PAUSE >= deadline => return Err(error),
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::Conflict | ErrorKind::Indeterminate | ErrorKind::Unavailable
                    ) =>
                {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn try_put_closing(&self, key: &Key) -> Result<()> {
        let key_value = &self.parts.key_value;
        let alone = self.telling(Closing::default());
        match key_value
            .put(key, alone, Expect::Absent, Some(self.retention))
            .await
        {
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            other => return other.map(drop),
        }
        let Some(entry) = key_value.get(key).await? else {
            return Err(Error::new(ErrorKind::Conflict, "the closing has just expired"));
        };
        let told = serde_json::from_slice(&entry.value).unwrap_or_default();
        let with_this = self.telling(told);
        let expect = Expect::Version(entry.version);
        key_value
            .put(key, with_this, expect, Some(self.retention))
            .await
            .map(drop)
    }

    fn telling(&self, mut closing: Closing) -> Bytes {
        if !closing.tell.contains(&self.parts.boot) {
            closing.tell.push(self.parts.boot.clone());
        }
        Bytes::from(serde_json::to_vec(&closing).expect("strings are always JSON"))
    }

    /// The other replicas whose heartbeat stands in the feed: there is no other list of members.
    async fn others(&self) -> Result<BTreeSet<BootId>> {
        let mut boots = BTreeSet::new();
        let mut cursor = None;
        loop {
            let page = self
                .parts
                .key_value
                .list(
                    feed::SCOPE.as_bytes(),
                    feed::HEARTBEATS.as_bytes(),
                    cursor.as_ref(),
                    PAGE,
                )
                .await?;
            boots.extend(page.entries.iter().filter_map(|named| feed::boot_of(&named.name)));
            cursor = page.next;
            if cursor.is_none() {
                boots.remove(&self.parts.boot);
                return Ok(boots);
            }
        }
    }
}
