//! KeyValue: touching.

use bytes::Bytes;
use mcpg_cluster::{ErrorKind, Expect, Version};
use tokio::time::Instant;

use crate::failure::{ensure, ensure_equal, ensure_refused};
use crate::{Context, Outcome};

const VALUE: Bytes = Bytes::from_static(b"value");

pub(crate) async fn touch_moves_the_expiry(ctx: &Context) -> Outcome {
    let ttl = ctx.short_ttl();
    let (key, touched) = ctx
        .timely(ttl, async |attempt| {
            let key = ctx.key(attempt.to_string());
            let version = ctx.kv().put(&key, VALUE, Expect::Any, Some(ttl)).await?;
            ctx.kv().touch(&key, ctx.long_ttl(), version).await?;
            Ok((key, Instant::now()))
        })
        .await?;
    ctx.until_expired(touched, ttl).await;
    let found = ctx.read_value(&key, Some(&VALUE)).await?;
    ensure_equal("the touched entry after its first ttl", &found, &Some(VALUE))
}

pub(crate) async fn touch_keeps_the_value(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    let version = ctx
        .kv()
        .put(&key, VALUE, Expect::Any, Some(ctx.long_ttl()))
        .await?;
    ctx.kv_there().touch(&key, ctx.long_ttl(), version).await?;
    let found = ctx.read_value(&key, Some(&VALUE)).await?;
    ensure_equal("the value after the touch", &found, &Some(VALUE))
}

pub(crate) async fn touch_returns_the_version_that_is_there(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    let written = ctx
        .kv()
        .put(&key, VALUE, Expect::Any, Some(ctx.long_ttl()))
        .await?;
    let touched = ctx.kv().touch(&key, ctx.long_ttl(), written).await?;
    ensure(touched >= written, "the version went back")?;
    let is_touched =
        |entry: &Option<mcpg_cluster::Entry>| entry.as_ref().is_some_and(|entry| entry.version == touched);
    let entry = ctx.read(&key, is_touched).await?;
    ensure_equal("the version", &entry.map(|entry| entry.version), &Some(touched))?;
    let again = ctx.kv().touch(&key, ctx.long_ttl(), touched).await?;
    ctx.kv().put(&key, VALUE, Expect::Version(again), None).await?;
    Ok(())
}

pub(crate) async fn touch_of_another_version_is_refused(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    let old = ctx.kv().put(&key, VALUE, Expect::Any, None).await?;
    let present = ctx.kv().put(&key, VALUE, Expect::Any, None).await?;
    for other in [old, Version::new(present.get() + 1)] {
        let refused = ctx.kv().touch(&key, ctx.short_ttl(), other).await;
        ensure_refused("touching another version", refused, ErrorKind::Conflict)?;
    }
    ctx.until_expired(Instant::now(), ctx.short_ttl()).await;
    let found = ctx.read_value(&key, Some(&VALUE)).await?;
    ensure_equal("the entry after refused touches", &found, &Some(VALUE))
}

pub(crate) async fn touch_of_a_missing_key_is_refused(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    let never = ctx.kv().touch(&key, ctx.long_ttl(), Version::new(1)).await;
    ensure_refused("touching what never was", never, ErrorKind::Conflict)?;
    let version = ctx.kv().put(&key, VALUE, Expect::Any, None).await?;
    ctx.kv().delete(&key, Expect::Any).await?;
    let deleted = ctx.kv().touch(&key, ctx.long_ttl(), version).await;
    ensure_refused("touching what was deleted", deleted, ErrorKind::Conflict)?;
    let found = ctx.read_value(&key, None).await?;
    ensure_equal("the key after refused touches", &found, &None)
}

pub(crate) async fn touch_of_an_expired_entry_is_refused(ctx: &Context) -> Outcome {
    let (key, ttl) = (ctx.key("key"), ctx.short_ttl());
    let version = ctx.kv().put(&key, VALUE, Expect::Any, Some(ttl)).await?;
    ctx.until_expired(Instant::now(), ttl).await;
    let refused = ctx.kv().touch(&key, ctx.long_ttl(), version).await;
    ensure_refused("touching what has expired", refused, ErrorKind::Conflict)?;
    let found = ctx.read_value(&key, None).await?;
    ensure_equal("the expired key after the touch", &found, &None)
}

pub(crate) async fn touch_gives_a_ttl_to_an_entry_that_had_none(ctx: &Context) -> Outcome {
    let (key, ttl) = (ctx.key("key"), ctx.short_ttl());
    let version = ctx.kv().put(&key, VALUE, Expect::Any, None).await?;
    ctx.kv().touch(&key, ttl, version).await?;
    ctx.until_expired(Instant::now(), ttl).await;
    let found = ctx.read_value(&key, None).await?;
    ensure_equal("the touched entry after its ttl", &found, &None)
}

pub(crate) async fn touch_with_a_ttl_out_of_bounds_is_refused(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    let version = ctx.kv().put(&key, VALUE, Expect::Any, None).await?;
    for ttl in ctx.ttls_out_of_bounds() {
        let refused = ctx.kv().touch(&key, ttl, version).await;
        ensure_refused(&format!("a ttl of {ttl:?}"), refused, ErrorKind::Invalid)?;
    }
    let found = ctx.read_value(&key, Some(&VALUE)).await?;
    ensure_equal("the entry after refused touches", &found, &Some(VALUE))
}
