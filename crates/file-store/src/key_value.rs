//! The contract.

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mcpg_cluster::{
    Cursor, Entry, Error, ErrorKind, Expect, Key, KeyValue, NamedEntry, Page, Result, Value, Version,
    check_length,
};
use redb::ReadableDatabase as _;

use crate::error::{closed, unavailable};
use crate::jobs::{self, Change};
use crate::layout::{ENTRIES, Stored, key_of, name_in, scope_of};
use crate::shared::Shared;
use crate::store::{FileStore, LARGEST_VALUE_BYTES, MIN_TTL};

/// The most entries of one page, whatever limit is asked for.
const LARGEST_PAGE: usize = 1024;

#[async_trait]
impl KeyValue for FileStore {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        key.check()?;
        let key = key_of(key);
        self.read(move |shared| get(shared, &key)).await
    }

    async fn put(&self, key: &Key, value: Value, expect: Expect, ttl: Option<Duration>) -> Result<Version> {
        key.check()?;
        check_size(key, &value)?;
        ttl.map(check_ttl).transpose()?;
        self.write(key, Change::Put { value, expect, ttl }).await
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<()> {
        key.check()?;
        if expect == Expect::Absent {
            let message = "a delete cannot expect the key to be absent";
            return Err(Error::new(ErrorKind::Invalid, message).with_context("key", key.to_string()));
        }
        self.write(key, Change::Delete { expect }).await.map(drop)
    }

    async fn list(&self, scope: &[u8], prefix: &[u8], cursor: Option<&Cursor>, limit: usize) -> Result<Page> {
        check_length("scope", scope)?;
        if limit == 0 {
            let message = "a page of no entries never ends a list";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let scope = scope_of(scope);
        let join = |name: &[u8]| [scope.as_slice(), name].concat();
        let wanted = Wanted {
            prefix: join(prefix),
            after: cursor.map(|cursor| join(cursor.as_bytes())),
            limit: limit.min(LARGEST_PAGE),
            scope: scope.clone(),
        };
        self.read(move |shared| list(shared, &wanted)).await
    }

    async fn touch(&self, key: &Key, ttl: Duration, expect: Version) -> Result<Version> {
        key.check()?;
        check_ttl(ttl)?;
        self.write(key, Change::Touch { ttl, expect }).await
    }
}

impl FileStore {
    async fn write(&self, key: &Key, change: Change) -> Result<Version> {
        jobs::write(self.jobs().ok_or_else(closed)?, key, change).await
    }

    /// Reads where waiting for the disk holds up nobody else.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Shared) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let shared = Arc::clone(&self.shared);
        let task = tokio::task::spawn_blocking(move || read(&shared));
        task.await.unwrap_or_else(|error| {
            Err(Error::new(ErrorKind::Unavailable, "a read of the file store broke off").with_source(error))
        })
    }
}

/// One page of a list.
struct Wanted {
    scope: Vec<u8>,
    /// What the keys begin with, and the key after which the page begins, scope included.
    prefix: Vec<u8>,
    after: Option<Vec<u8>>,
    limit: usize,
}

fn get(shared: &Shared, key: &[u8]) -> Result<Option<Entry>> {
    let transaction = shared.database.begin_read().map_err(unavailable)?;
    let entries = transaction.open_table(ENTRIES).map_err(unavailable)?;
    let Some(found) = entries.get(key).map_err(unavailable)? else {
        return Ok(None);
    };
    let stored = Stored::decode(found.value())?;
    Ok(stored.is_live(shared.clock.now()).then(|| stored.entry()))
}

fn list(shared: &Shared, wanted: &Wanted) -> Result<Page> {
    let transaction = shared.database.begin_read().map_err(unavailable)?;
    let table = transaction.open_table(ENTRIES).map_err(unavailable)?;
    let start = match &wanted.after {
        Some(after) if *after >= wanted.prefix => Bound::Excluded(after.as_slice()),
        _ => Bound::Included(wanted.prefix.as_slice()),
    };
    let now = shared.clock.now();
    let mut entries: Vec<NamedEntry> = Vec::new();
    let range = table.range::<&[u8]>((start, Bound::Unbounded));
    for found in range.map_err(unavailable)? {
        let (key, value) = found.map_err(unavailable)?;
        if !key.value().starts_with(&wanted.prefix) {
            break;
        }
        let stored = Stored::decode(value.value())?;
        let Some(name) = name_in(&wanted.scope, key.value()).filter(|_| stored.is_live(now)) else {
            continue;
        };
        if entries.len() == wanted.limit {
            let last = entries.last().map(|last| Cursor::new(last.name.clone()));
            return Ok(Page { entries, next: last });
        }
        entries.push(NamedEntry {
            name,
            entry: stored.entry(),
        });
    }
    Ok(Page { entries, next: None })
}

fn check_size(key: &Key, value: &Value) -> Result<()> {
    if value.len() <= LARGEST_VALUE_BYTES {
        return Ok(());
    }
    let length = value.len();
    let message = format!("value of {length} bytes is larger than {LARGEST_VALUE_BYTES} bytes");
    Err(Error::new(ErrorKind::TooLarge, message).with_context("key", key.to_string()))
}

fn check_ttl(ttl: Duration) -> Result<()> {
    if ttl < MIN_TTL {
        let message = format!("a ttl of {ttl:?} is shorter than {MIN_TTL:?}");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(())
}
