//! KeyValue: conditional writes.

use bytes::Bytes;
use mcpg_cluster::{ErrorKind, Expect, Version};
use tokio::time::Instant;

use crate::failure::{ensure, ensure_equal, ensure_refused};
use crate::{Context, Outcome};

const OLD: Bytes = Bytes::from_static(b"old");
const NEW: Bytes = Bytes::from_static(b"new");

pub(crate) async fn put_expecting_any_writes_over_whatever_is_there(ctx: &Context) -> Outcome {
    let (key, ttl) = (ctx.key("key"), ctx.short_ttl());
    ctx.kv().put(&key, OLD, Expect::Any, None).await?;
    ctx.kv().put(&key, NEW, Expect::Any, Some(ttl)).await?;
    let acknowledged = Instant::now();
    ctx.until_expired(acknowledged, ttl).await;
    ctx.kv().put(&key, OLD, Expect::Any, None).await?;
    let found = ctx.read_value(&key, Some(&OLD)).await?;
    ensure_equal("the value written last", &found, &Some(OLD))
}

pub(crate) async fn put_expecting_absent_creates_a_missing_key(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    ctx.kv().put(&key, OLD, Expect::Absent, None).await?;
    ctx.kv().delete(&key, Expect::Any).await?;
    ctx.kv().put(&key, NEW, Expect::Absent, None).await?;
    let found = ctx.read_value(&key, Some(&NEW)).await?;
    ensure_equal("the created value", &found, &Some(NEW))
}

pub(crate) async fn put_expecting_absent_is_refused_while_the_key_is_live(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    ctx.kv().put(&key, OLD, Expect::Any, Some(ctx.long_ttl())).await?;
    let second = ctx.kv_there().put(&key, NEW, Expect::Absent, None).await;
    ensure_refused("creating a live key", second, ErrorKind::Conflict)
}

pub(crate) async fn put_expecting_absent_succeeds_once_the_entry_has_expired(ctx: &Context) -> Outcome {
    let (key, ttl) = (ctx.key("key"), ctx.short_ttl());
    ctx.kv().put(&key, OLD, Expect::Absent, Some(ttl)).await?;
    ctx.until_expired(Instant::now(), ttl).await;
    ctx.kv().put(&key, NEW, Expect::Absent, None).await?;
    let found = ctx.read_value(&key, Some(&NEW)).await?;
    ensure_equal("the value created after the expiry", &found, &Some(NEW))
}

pub(crate) async fn put_expecting_a_version_writes_over_that_version_only(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    let first = ctx.kv().put(&key, OLD, Expect::Absent, None).await?;
    let second = ctx.kv().put(&key, NEW, Expect::Version(first), None).await?;
    for other in [first.get(), second.get() + 1, 0, u64::MAX] {
        let expect = Expect::Version(Version::new(other));
        let refused = ctx.kv().put(&key, OLD, expect, None).await;
        let what = format!("a put over version {other}");
        ensure_refused(&what, refused, ErrorKind::Conflict)?;
    }
    let third = ctx
        .kv_there()
        .put(&key, OLD, Expect::Version(second), None)
        .await?;
    ensure(third > second, "the second replica's version is not greater")
}

pub(crate) async fn put_expecting_a_version_is_refused_on_a_missing_key(ctx: &Context) -> Outcome {
    let key = ctx.key("never");
    let refused = ctx
        .kv()
        .put(&key, NEW, Expect::Version(Version::new(1)), None)
        .await;
    ensure_refused("a put over a version of nothing", refused, ErrorKind::Conflict)?;
    let key = ctx.key("deleted");
    let version = ctx.kv().put(&key, OLD, Expect::Any, None).await?;
    ctx.kv().delete(&key, Expect::Any).await?;
    let refused = ctx.kv().put(&key, NEW, Expect::Version(version), None).await;
    ensure_refused("a put over a deleted version", refused, ErrorKind::Conflict)
}

pub(crate) async fn put_expecting_a_version_is_refused_on_an_expired_entry(ctx: &Context) -> Outcome {
    let (key, ttl) = (ctx.key("key"), ctx.short_ttl());
    let version = ctx.kv().put(&key, OLD, Expect::Any, Some(ttl)).await?;
    ctx.until_expired(Instant::now(), ttl).await;
    let refused = ctx.kv().put(&key, NEW, Expect::Version(version), None).await;
    ensure_refused("a put over an expired version", refused, ErrorKind::Conflict)?;
    let found = ctx.read_value(&key, None).await?;
    ensure_equal("the expired key", &found, &None)
}

pub(crate) async fn put_that_is_refused_changes_nothing(ctx: &Context) -> Outcome {
    let (key, ttl) = (ctx.key("key"), ctx.short_ttl());
    let version = ctx.kv().put(&key, OLD, Expect::Any, None).await?;
    let wrong = Expect::Version(Version::new(version.get() + 1));
    for expect in [Expect::Absent, wrong] {
        let refused = ctx.kv().put(&key, NEW, expect, Some(ttl)).await;
        ensure_refused("the put", refused, ErrorKind::Conflict)?;
    }
    ctx.until_expired(Instant::now(), ttl).await;
    let entry = ctx.kv().get(&key).await?;
    let found = entry.map(|entry| (entry.value, entry.version));
    ensure_equal("the entry after refused puts", &found, &Some((OLD, version)))
}

pub(crate) async fn put_of_an_empty_value_is_a_value(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    ctx.kv().put(&key, Bytes::new(), Expect::Absent, None).await?;
    let found = ctx.read_value(&key, Some(b"")).await?;
    ensure_equal("the empty value", &found, &Some(Bytes::new()))?;
    let again = ctx.kv().put(&key, NEW, Expect::Absent, None).await;
    ensure_refused("creating over an empty value", again, ErrorKind::Conflict)
}
