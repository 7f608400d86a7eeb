//! KeyValue.

use std::time::Duration;

use async_trait::async_trait;
use mcpg_cluster::{Cursor, Entry, Expect, Key, KeyValue, Page, Result, Value, Version};
use mcpg_plugin_abi::{AbiCursor, KeyValueObject};

use crate::bounded::Bounds;
use crate::convert::{bytes, entry, expectation, named_entry, nanoseconds, slice, vector};

pub(super) struct PluginKeyValue {
    object: KeyValueObject,
    bounds: Bounds,
}

impl PluginKeyValue {
    pub(super) fn new(object: KeyValueObject, bounds: &Bounds) -> Self {
        let bounds = bounds.clone();
        Self { object, bounds }
    }
}

#[async_trait]
impl KeyValue for PluginKeyValue {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        let answer = self.object.get(slice(&key.scope), slice(&key.name));
        let found = self.bounds.read("get", answer).await?;
        Ok(found.into_option().map(entry))
    }

    async fn put(&self, key: &Key, value: Value, expect: Expect, ttl: Option<Duration>) -> Result<Version> {
        let (scope, name) = (slice(&key.scope), slice(&key.name));
        let ttl = ttl.map(nanoseconds).into();
        let answer = self
            .object
            .put(scope, name, vector(&value), expectation(expect), ttl);
        self.bounds.write("put", answer).await.map(Version::new)
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<()> {
        let (scope, name) = (slice(&key.scope), slice(&key.name));
        let answer = self.object.delete(scope, name, expectation(expect));
        self.bounds.write("delete", answer).await
    }

    async fn list(&self, scope: &[u8], prefix: &[u8], cursor: Option<&Cursor>, limit: usize) -> Result<Page> {
        let cursor = cursor.map(|cursor| AbiCursor {
            place: vector(cursor.as_bytes()),
        });
        let answer = self
            .object
            .list(slice(scope), slice(prefix), cursor.into(), limit as u64);
        let page = self.bounds.read("list", answer).await?;
        if page.entries.len() > limit {
            let what = format!("a page of {} entries for a limit of {limit}", page.entries.len());
            return Err(self.bounds.garbage("list", what));
        }
        Ok(Page {
            entries: page.entries.into_iter().map(named_entry).collect(),
            next: page
                .next
                .into_option()
                .map(|cursor| Cursor::new(bytes(cursor.place))),
        })
    }

    async fn touch(&self, key: &Key, ttl: Duration, expect: Version) -> Result<Version> {
        let (scope, name) = (slice(&key.scope), slice(&key.name));
        let answer = self.object.touch(scope, name, nanoseconds(ttl), expect.get());
        self.bounds.write("touch", answer).await.map(Version::new)
    }
}
