//! KeyValue with a fault.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mcpg_cluster::{Cursor, Entry, ErrorKind, Expect, Key, KeyValue, Page, Result, Value, Version};
use parking_lot::Mutex;

use super::Fault;

/// What a broken backend remembers beside the correct one.
#[derive(Default)]
pub(crate) struct Kept {
    /// The last value of each key, which a correct backend would have forgotten.
    values: Mutex<HashMap<Key, Value>>,
    /// How far the true versions of a key are ahead of the ones shown.
    offsets: Mutex<HashMap<Key, u64>>,
}

pub(crate) struct BrokenKeyValue {
    pub(crate) inner: Arc<dyn KeyValue>,
    pub(crate) fault: Fault,
    pub(crate) kept: Arc<Kept>,
}

impl BrokenKeyValue {
    /// The key as the broken backend would address it.
    fn address(&self, key: &Key) -> Key {
        let length = key.scope.len() + key.name.len();
        if self.fault == Fault::ScopesAreJoinedToNames && length < 1000 {
            return Key::copied("", [&key.scope[..], &key.name[..]].concat());
        }
        key.clone()
    }

    fn offset(&self, key: &Key) -> u64 {
        self.kept.offsets.lock().get(key).copied().unwrap_or(0)
    }

    fn shown(&self, key: &Key, version: Version) -> Version {
        Version::new(version.get() - self.offset(key))
    }

    fn expected(&self, key: &Key, expect: Expect) -> Expect {
        match expect {
            Expect::Version(version) => {
                let number = version.get().saturating_add(self.offset(key));
                Expect::Version(Version::new(number))
            }
            other => other,
        }
    }
}

#[async_trait]
impl KeyValue for BrokenKeyValue {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        let key = self.address(key);
        let entry = self.inner.get(&key).await?;
        Ok(entry.map(|entry| Entry {
            version: self.shown(&key, entry.version),
            ..entry
        }))
    }

    async fn put(
        &self,
        key: &Key,
        value: Value,
        mut expect: Expect,
        mut ttl: Option<Duration>,
    ) -> Result<Version> {
        let key = self.address(key);
        match self.fault {
            Fault::PutIgnoresAbsent if expect == Expect::Absent => expect = Expect::Any,
            Fault::EntriesExpireEarly => ttl = ttl.map(|ttl| ttl * 9 / 10),
            Fault::TtlIsForgottenByPut if self.inner.get(&key).await?.is_some() => ttl = None,
            Fault::SameValueIsNotWritten => {
                let same = self.inner.get(&key).await?.filter(|entry| entry.value == value);
                if let Some(entry) = same {
                    return Ok(entry.version);
                }
            }
            _ => {}
        }
        self.kept.values.lock().insert(key.clone(), value.clone());
        let expect = self.expected(&key, expect);
        let created = self.inner.get(&key).await?.is_none();
        let version = self.inner.put(&key, value, expect, ttl).await?;
        if created && self.fault == Fault::VersionsRestartAfterDelete {
            self.kept.offsets.lock().insert(key.clone(), version.get() - 1);
        }
        Ok(self.shown(&key, version))
    }

    async fn delete(&self, key: &Key, mut expect: Expect) -> Result<()> {
        let key = self.address(key);
        if self.fault == Fault::DeleteIgnoresTheVersion && expect != Expect::Absent {
            expect = Expect::Any;
        }
        self.inner.delete(&key, self.expected(&key, expect)).await
    }

    async fn list(&self, scope: &[u8], prefix: &[u8], cursor: Option<&Cursor>, limit: usize) -> Result<Page> {
        match self.fault {
            Fault::ListIgnoresTheLimit => self.inner.list(scope, prefix, cursor, limit + 1).await,
            Fault::ListIsUnordered => {
                let mut page = self.inner.list(scope, prefix, cursor, limit).await?;
                page.entries.reverse();
                Ok(page)
            }
            Fault::ListSkipsAfterDelete => self.list_by_position(scope, prefix, cursor, limit).await,
            _ => self.inner.list(scope, prefix, cursor, limit).await,
        }
    }

    async fn touch(&self, key: &Key, ttl: Duration, expect: Version) -> Result<Version> {
        let key = self.address(key);
        let Expect::Version(expected) = self.expected(&key, Expect::Version(expect)) else {
            return Ok(expect);
        };
        let touched = self.inner.touch(&key, ttl, expected).await;
        let kept = self.kept.values.lock().get(&key).cloned();
        match (touched, kept) {
            (Err(error), Some(value))
                if self.fault == Fault::TouchRevivesExpired && error.kind() == ErrorKind::Conflict =>
            {
                self.inner.put(&key, value, Expect::Absent, Some(ttl)).await
            }
            (touched, _) => touched.map(|version| self.shown(&key, version)),
        }
    }
}

impl BrokenKeyValue {
    /// Pages by counting, so that a delete before the cursor moves what follows out of sight.
    async fn list_by_position(
        &self,
        scope: &[u8],
        prefix: &[u8],
        cursor: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page> {
        let digits = cursor.map(|cursor| String::from_utf8_lossy(cursor.as_bytes()).into_owned());
        let skipped = digits.map_or(0, |digits| digits.parse().unwrap());
        let all = self.inner.list(scope, prefix, None, 1000).await?.entries;
        let end = skipped + limit;
        Ok(Page {
            next: (end < all.len()).then(|| Cursor::new(Bytes::from(end.to_string()))),
            entries: all.into_iter().skip(skipped).take(limit).collect(),
        })
    }
}
