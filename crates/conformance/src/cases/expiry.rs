//! KeyValue: TTLs of puts.

use bytes::Bytes;
use mcpg_cluster::{ErrorKind, Expect};
use tokio::time::Instant;

use crate::failure::{ensure, ensure_equal, ensure_refused};
use crate::{Context, Outcome};

const OLD: Bytes = Bytes::from_static(b"old");
const NEW: Bytes = Bytes::from_static(b"new");

pub(crate) async fn put_with_a_ttl_never_expires_early(ctx: &Context) -> Outcome {
    let (key, ttl) = (ctx.key("key"), ctx.short_ttl());
    // The time starts before the put, so a slow answer can only make the case milder.
    let sent = Instant::now();
    ctx.kv().put(&key, OLD, Expect::Any, Some(ttl)).await?;
    let bound = ttl + ctx.support().ttl_slack.of(ttl) + ctx.patience();
    let lived = ctx
        .eventually_within(bound, "the expiry", async || {
            let gone = ctx.kv().get(&key).await?.is_none();
            Ok(gone.then(|| sent.elapsed()))
        })
        .await?;
    ensure(
        lived >= ttl,
        format!("an entry with a ttl of {ttl:?} lived for {lived:?}"),
    )
}

pub(crate) async fn put_without_a_ttl_removes_the_ttl_that_was_there(ctx: &Context) -> Outcome {
    let (key, ttl) = (ctx.key("key"), ctx.short_ttl());
    ctx.kv().put(&key, OLD, Expect::Any, Some(ttl)).await?;
    let first = Instant::now();
    ctx.kv().put(&key, NEW, Expect::Any, None).await?;
    ctx.until_expired(first, ttl).await;
    let found = ctx.read_value(&key, Some(&NEW)).await?;
    ensure_equal("the value that must not expire", &found, &Some(NEW))
}

pub(crate) async fn put_replaces_the_ttl_that_was_there(ctx: &Context) -> Outcome {
    let ttl = ctx.short_ttl();
    let (longer, shorter) = (ctx.key("longer"), ctx.key("shorter"));
    ctx.kv().put(&longer, OLD, Expect::Any, Some(ttl)).await?;
    ctx.kv()
        .put(&longer, NEW, Expect::Any, Some(ctx.long_ttl()))
        .await?;
    ctx.kv()
        .put(&shorter, OLD, Expect::Any, Some(ctx.long_ttl()))
        .await?;
    ctx.kv().put(&shorter, NEW, Expect::Any, Some(ttl)).await?;
    ctx.until_expired(Instant::now(), ttl).await;
    let found = ctx.read_value(&longer, Some(&NEW)).await?;
    ensure_equal("the entry with the longer ttl", &found, &Some(NEW))?;
    let found = ctx.read_value(&shorter, None).await?;
    ensure_equal("the entry with the shorter ttl", &found, &None)
}

pub(crate) async fn put_with_a_ttl_out_of_bounds_is_refused(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    for ttl in ctx.ttls_out_of_bounds() {
        let refused = ctx.kv().put(&key, OLD, Expect::Any, Some(ttl)).await;
        ensure_refused(&format!("a ttl of {ttl:?}"), refused, ErrorKind::Invalid)?;
    }
    let found = ctx.read_value(&key, None).await?;
    ensure_equal("the key after refused puts", &found, &None)
}
