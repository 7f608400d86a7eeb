//! The boots that may have left something behind: by them a sweeper finds what a dead replica owned.

use std::time::Duration;

use bytes::Bytes;
use mcpg_cluster::{Cursor, Expect, Key, KeyValue, Result};

use super::ReplicaParts;
use crate::owner::{BootId, OwnerPair};

const SCOPE: &str = "boots";
const PAGE: usize = 100;
/// How many lease TTLs an entry outlives its last renewal: time enough for a leader to find it.
const LIFE_IN_LEASES: u32 = 20;

/// A boot that may have left something behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// Its id.
    pub id: BootId,
    /// Its lease: as long as somebody holds that, it lives.
    pub owner: OwnerPair,
}

/// Writes or renews the entry of this boot. Nobody else writes it.
pub(super) async fn note(parts: &ReplicaParts, owner: &OwnerPair) -> Result<()> {
    let value = Bytes::from(serde_json::to_vec(owner).expect("strings and numbers are always JSON"));
    let ttl = life(parts.support.lease_ttl).max(parts.support.min_ttl);
    parts
        .key_value
        .put(&key(&parts.boot), value, Expect::Any, Some(ttl))
        .await
        .map(drop)
}

/// Removes the entry of a boot that left nothing behind.
///
/// # Errors
/// The coordinator's; the entry then expires.
pub async fn forget(key_value: &dyn KeyValue, boot: &BootId) -> Result<()> {
    key_value.delete(&key(boot), Expect::Any).await
}

/// All boots that may have left something behind, those that live included.
///
/// # Errors
/// The coordinator's.
pub async fn list(key_value: &dyn KeyValue) -> Result<Vec<Boot>> {
    let mut boots = Vec::new();
    let mut cursor: Option<Cursor> = None;
    loop {
        let page = key_value
            .list(SCOPE.as_bytes(), b"", cursor.as_ref(), PAGE)
            .await?;
        boots.extend(page.entries.iter().filter_map(|named| {
            let id = std::str::from_utf8(&named.name).ok()?;
            let owner = serde_json::from_slice(&named.entry.value).ok()?;
            Some(Boot {
                id: BootId::new(id),
                owner,
            })
        }));
        cursor = page.next;
        if cursor.is_none() {
            return Ok(boots);
        }
    }
}

fn life(lease_ttl: Duration) -> Duration {
    lease_ttl * LIFE_IN_LEASES
}

fn key(boot: &BootId) -> Key {
    Key::new(SCOPE, Bytes::copy_from_slice(boot.as_str().as_bytes()))
}
