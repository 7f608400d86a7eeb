//! Finding out, writing down and announcing that an upstream's lists changed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mcpg_cluster::{Expect, Key, KeyValue};
use tracing::info;

use super::error::CatalogueError;
use super::record::{Catalogue, Digests};
use crate::levels::Levels;
use crate::store::{Stored, WriteError, Writer};
use crate::view::View;
use crate::weakness::{self, Weakness};

pub(super) const SCOPE: &str = "catalogue";
const PATIENCE: Duration = Duration::from_secs(5);
const ATTEMPTS: usize = 32;

/// The lists of the upstreams, as far as replicas have to agree on them. Clones are the same.
#[derive(Clone)]
pub struct Catalogues {
    pub(super) key_value: Arc<dyn KeyValue>,
    writer: Writer,
    pub(super) view: Arc<View>,
    levels: Arc<Levels>,
}

impl fmt::Debug for Catalogues {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Catalogues").finish_non_exhaustive()
    }
}

impl Catalogues {
    /// Opens the records of catalogues.
    pub fn new(key_value: Arc<dyn KeyValue>, view: Arc<View>, levels: Arc<Levels>) -> Self {
        Self {
            writer: Writer::new(Arc::clone(&key_value), PATIENCE).in_formats(Arc::clone(view.formats())),
            key_value,
            view,
            levels,
        }
    }

    /// What the record says of the lists of `upstream` now.
    ///
    /// # Errors
    /// Why it could not be read.
    pub async fn current(&self, upstream: &str) -> Result<Option<Catalogue>, CatalogueError> {
        let stored = self.writer.read::<Catalogue>(&key(upstream)).await?;
        Ok(stored.map(|stored| stored.record))
    }

    /// Says that this replica has just read lists of this content from `upstream`, having read others before or none.
    /// When nobody has said so yet, clients are told as soon as no replica uses the old lists.
    ///
    /// # Errors
    /// Why it could not be written down, or not be announced; then the leader announces it.
    pub async fn publish(&self, upstream: &str, digests: &Digests) -> Result<(), CatalogueError> {
        let mut stored = self.writer.read::<Catalogue>(&key(upstream)).await?;
        for _ in 0..ATTEMPTS {
            let (catalogue, expect) = match stored {
                None => (Catalogue::first(digests.clone()), Expect::Absent),
                Some(Stored { record, .. }) if record.digests == *digests => return Ok(()),
                Some(Stored { mut record, version }) => {
                    record.change(digests.clone());
                    (record, Expect::Version(version))
                }
            };
            match self.writer.write(&key(upstream), catalogue, expect, None).await {
                Ok(written) if written.record.is_announced() => return Ok(()),
                Ok(written) => {
                    let version = written.record.version;
                    info!(
                        message = "The lists of an upstream have changed.",
                        upstream, version
                    );
                    return self.announce(upstream, written).await;
                }
                Err(WriteError::Conflict(other)) => stored = other,
                Err(error) => return Err(error.into()),
            }
        }
        Err(contended())
    }

    /// Steps two to four. When the lists have changed again meanwhile, whoever wrote that announces both.
    pub(super) async fn announce(
        &self,
        upstream: &str,
        stored: Stored<Catalogue>,
    ) -> Result<(), CatalogueError> {
        if !weakness::has(Weakness::RaisesAtOnce) {
            self.view
                .announce_changed(upstream, stored.record.version)
                .await?;
        }
        self.levels.raise(stored.record.raised()).await;
        let mut announced = stored.record;
        announced.announce();
        let expect = Expect::Version(stored.version);
        match self.writer.write(&key(upstream), announced, expect, None).await {
            Ok(_) | Err(WriteError::Conflict(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn contended() -> CatalogueError {
    CatalogueError::Broken(format!("{ATTEMPTS} changes in a row met another writer"))
}

fn key(upstream: &str) -> Key {
    Key::new(SCOPE, Bytes::copy_from_slice(upstream.as_bytes()))
}
