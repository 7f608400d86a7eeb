//! KeyValue.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mcpg_cluster::{Cursor, KeyValue, Version};
use mcpg_plugin_abi::{
    AbiCursor, AbiEntry, AbiExpect, AbiPage, Answer, KeyValueObject, KeyValueTrait, KeyValueTrait_TO,
    ROption, RSlice, RVec, TD_Opaque,
};

use crate::convert::{bytes, entry, expectation, key, named_entry};
use crate::guard::{Call, Held, future};

pub(super) fn object(key_value: Arc<dyn KeyValue>) -> KeyValueObject {
    KeyValueTrait_TO::from_value(Bridge(Held::new(key_value)), TD_Opaque)
}

struct Bridge(Held<Arc<dyn KeyValue>>);

impl KeyValueTrait for Bridge {
    fn get(&self, scope: RSlice<'_, u8>, name: RSlice<'_, u8>) -> Answer<ROption<AbiEntry>> {
        let (key_value, key) = (Arc::clone(&self.0), key(scope, name));
        future(Call::Read("get"), async move {
            let found = key_value.get(&key).await?;
            Ok(found.map(entry).into())
        })
    }

    fn put(
        &self,
        scope: RSlice<'_, u8>,
        name: RSlice<'_, u8>,
        value: RVec<u8>,
        expect: AbiExpect,
        ttl: ROption<u64>,
    ) -> Answer<u64> {
        let (key_value, key) = (Arc::clone(&self.0), key(scope, name));
        let ttl = ttl.into_option().map(Duration::from_nanos);
        future(Call::Write("put"), async move {
            let version = key_value
                .put(&key, bytes(value), expectation(expect)?, ttl)
                .await?;
            Ok(version.get())
        })
    }

    fn delete(&self, scope: RSlice<'_, u8>, name: RSlice<'_, u8>, expect: AbiExpect) -> Answer<()> {
        let (key_value, key) = (Arc::clone(&self.0), key(scope, name));
        future(Call::Write("delete"), async move {
            key_value.delete(&key, expectation(expect)?).await
        })
    }

    fn list(
        &self,
        scope: RSlice<'_, u8>,
        prefix: RSlice<'_, u8>,
        cursor: ROption<AbiCursor>,
        limit: u64,
    ) -> Answer<AbiPage> {
        let key_value = Arc::clone(&self.0);
        let scope = Bytes::copy_from_slice(scope.as_slice());
        let prefix = Bytes::copy_from_slice(prefix.as_slice());
        let cursor = cursor
            .into_option()
            .map(|cursor| Cursor::new(bytes(cursor.place)));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        future(Call::Read("list"), async move {
            let page = key_value.list(&scope, &prefix, cursor.as_ref(), limit).await?;
            let next = page.next.map(|cursor| AbiCursor {
                place: RVec::from(cursor.as_bytes().to_vec()),
            });
            Ok(AbiPage {
                entries: page.entries.into_iter().map(named_entry).collect(),
                next: next.into(),
            })
        })
    }

    fn touch(&self, scope: RSlice<'_, u8>, name: RSlice<'_, u8>, ttl: u64, version: u64) -> Answer<u64> {
        let (key_value, key) = (Arc::clone(&self.0), key(scope, name));
        future(Call::Write("touch"), async move {
            let ttl = Duration::from_nanos(ttl);
            let version = key_value.touch(&key, ttl, Version::new(version)).await?;
            Ok(version.get())
        })
    }
}
