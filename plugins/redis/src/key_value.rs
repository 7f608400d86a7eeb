//! `KeyValue`: one hash per entry, one sorted set of names per scope.

use std::time::Duration;

use async_trait::async_trait;
use mcpg_plugin_sdk::cluster::{
    Cursor, Entry, Error, ErrorKind, Expect, Key, KeyValue, NamedEntry, Page, Result, Value, Version,
};

use crate::store::{Part, Seen, Store};

/// The most entries of one page, whatever limit is asked for.
const LARGEST_PAGE: usize = 1024;

pub(crate) struct RedisKeyValue(pub(crate) Store);

#[async_trait]
impl KeyValue for RedisKeyValue {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        let got = self.0.get(&key.scope, &key.name).await;
        got.map_err(|error| named(error, key))
    }

    async fn put(&self, key: &Key, value: Value, expect: Expect, ttl: Option<Duration>) -> Result<Version> {
        let put = self.0.put((&key.scope, &key.name), &value, expect, ttl).await;
        put.map_err(|error| named(error, key))
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<()> {
        let deleted = self.0.delete(&key.scope, &key.name, expect).await;
        deleted.map_err(|error| named(error, key))
    }

    async fn list(&self, scope: &[u8], prefix: &[u8], cursor: Option<&Cursor>, limit: usize) -> Result<Page> {
        self.0.client.gate.check()?;
        if limit == 0 {
            return Err(Error::new(
                ErrorKind::Invalid,
                "a list with a limit of zero has no end",
            ));
        }
        let part = Part {
            prefix,
            after: cursor.map(|cursor| cursor.as_bytes().as_ref()),
            limit: limit.min(LARGEST_PAGE),
            since: 0,
        };
        let found = self.0.page(scope, &part).await?;
        Ok(Page {
            entries: found.entries.into_iter().map(named_entry).collect(),
            next: found.next.map(Cursor::new),
        })
    }

    async fn touch(&self, key: &Key, ttl: Duration, expect: Version) -> Result<Version> {
        let touched = self.0.touch(&key.scope, &key.name, ttl, expect).await;
        touched.map_err(|error| named(error, key))
    }
}

pub(crate) fn named_entry(seen: Seen) -> NamedEntry {
    NamedEntry {
        name: seen.name,
        entry: Entry {
            value: seen.value.unwrap_or_default(),
            version: seen.version,
        },
    }
}

fn named(error: Error, key: &Key) -> Error {
    error.with_context("key", key.to_string())
}
