//! Announcing what somebody else left half done.

use std::collections::HashMap;
use std::time::Duration;

use mcpg_cluster::{Cursor, Moment, NamedEntry, Version};
use tracing::debug;

use super::error::CatalogueError;
use super::handle::{Catalogues, SCOPE};
use super::record::Catalogue;
use crate::store::{Record, Stored};

const PAGE: usize = 100;
/// How long whoever wrote a change may take to announce it, beyond the time that acknowledgements may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Finishes announcements whose replica has stopped or stands still. One replica at a time does it, as the leader; that
/// two do it for a while harms nobody.
#[derive(Debug)]
pub struct Finisher {
    catalogues: Catalogues,
    /// The records that are not announced, and since when.
    waiting: HashMap<String, (Version, Moment)>,
}

impl Finisher {
    /// Makes a finisher of these catalogues.
    pub fn new(catalogues: Catalogues) -> Self {
        Self {
            catalogues,
            waiting: HashMap::new(),
        }
    }

    /// Goes through all records once. What fails is tried again in the next round.
    ///
    /// # Errors
    /// Why the records could not be listed.
    pub async fn round(&mut self) -> Result<(), CatalogueError> {
        let mut waiting = HashMap::new();
        let mut cursor: Option<Cursor> = None;
        loop {
            let key_value = &self.catalogues.key_value;
            let page = key_value
                .list(SCOPE.as_bytes(), b"", cursor.as_ref(), PAGE)
                .await?;
            for named in &page.entries {
                if let Some((upstream, since)) = self.look_at(named).await {
                    waiting.insert(upstream, since);
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                self.waiting = waiting;
                return Ok(());
            }
        }
    }

    /// Announces a change that has waited for long enough; one that waits is returned.
    async fn look_at(&self, named: &NamedEntry) -> Option<(String, (Version, Moment))> {
        let upstream = std::str::from_utf8(&named.name).ok()?;
        let record = match Catalogue::decode(&named.entry.value) {
            Ok(record) => record,
            Err(error) => {
                debug!(message = "The record of a catalogue cannot be read.", upstream, %error);
                return None;
            }
        };
        if record.is_announced() {
            return None;
        }
        let view = &self.catalogues.view;
        let (now, version) = (view.clock().now(), named.entry.version);
        let since = match self.waiting.get(upstream) {
            Some((seen, since)) if *seen == version => *since,
            _ => now,
        };
        if now.saturating_since(since) >= view.validity() * 5 / 4 + PATIENCE {
            debug!(message = "A change of lists was announced half way.", upstream);
            let stored = Stored { record, version };
            match self.catalogues.announce(upstream, stored).await {
                Ok(()) => return None,
                Err(error) => debug!(message = "It could not be announced yet.", upstream, %error),
            }
        }
        Some((upstream.to_owned(), (version, since)))
    }
}
