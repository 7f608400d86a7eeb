//! KeyValue: versions.

use bytes::Bytes;
use mcpg_cluster::{ErrorKind, Expect, Key, Version};
use tokio::time::Instant;

use crate::failure::{ensure, ensure_refused};
use crate::{Context, Outcome};

const VALUE: Bytes = Bytes::from_static(b"value");

pub(crate) async fn put_returns_a_version_greater_than_all_before(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    let mut last = None;
    for round in 0..10_u8 {
        let replica = if round % 2 == 0 { ctx.kv() } else { ctx.kv_there() };
        let value = Bytes::from(vec![round]);
        let version = replica.put(&key, value, Expect::Any, None).await?;
        ensure_greater(version, last)?;
        last = Some(version);
    }
    Ok(())
}

pub(crate) async fn put_of_the_same_value_is_a_new_version(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    let first = ctx.kv().put(&key, VALUE, Expect::Any, None).await?;
    let second = ctx.kv().put(&key, VALUE, Expect::Any, None).await?;
    ensure_greater(second, Some(first))?;
    let third = ctx.kv().put(&key, VALUE, Expect::Version(second), None).await?;
    ensure_greater(third, Some(second))?;
    let refused = ctx.kv().put(&key, VALUE, Expect::Version(second), None).await;
    ensure_refused("a put over the version before", refused, ErrorKind::Conflict)
}

pub(crate) async fn put_never_reuses_a_version_after_delete(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    let mut last = None;
    for _ in 0..5 {
        let version = ctx.kv().put(&key, VALUE, Expect::Absent, None).await?;
        ensure_greater(version, last)?;
        ctx.kv().delete(&key, Expect::Version(version)).await?;
        ensure_stale(ctx, &key, version).await?;
        last = Some(version);
    }
    Ok(())
}

pub(crate) async fn put_never_reuses_a_version_after_expiry(ctx: &Context) -> Outcome {
    let (key, ttl) = (ctx.key("key"), ctx.short_ttl());
    let mut last = None;
    for _ in 0..3 {
        let version = ctx.kv().put(&key, VALUE, Expect::Absent, Some(ttl)).await?;
        ensure_greater(version, last)?;
        ctx.until_expired(Instant::now(), ttl).await;
        ensure_stale(ctx, &key, version).await?;
        last = Some(version);
    }
    Ok(())
}

fn ensure_greater(version: Version, last: Option<Version>) -> Outcome {
    let message = format!("version {version:?} after {last:?} is not greater");
    ensure(Some(version) > last, message)
}

/// Creates the key again and makes sure that the old version does not fit the new entry; then removes it.
async fn ensure_stale(ctx: &Context, key: &Key, old: Version) -> Outcome {
    ctx.kv().put(key, VALUE, Expect::Absent, None).await?;
    let refused = ctx.kv().put(key, VALUE, Expect::Version(old), None).await;
    ensure_refused(
        "a put over a version of an earlier life",
        refused,
        ErrorKind::Conflict,
    )?;
    ctx.kv().delete(key, Expect::Any).await?;
    Ok(())
}
