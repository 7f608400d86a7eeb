//! KeyValue: removing.

use bytes::Bytes;
use mcpg_cluster::{ErrorKind, Expect, Version};

use crate::failure::{ensure_equal, ensure_refused};
use crate::{Context, Outcome};

const VALUE: Bytes = Bytes::from_static(b"value");

pub(crate) async fn delete_expecting_any_removes_the_entry(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    ctx.kv()
        .put(&key, VALUE, Expect::Any, Some(ctx.long_ttl()))
        .await?;
    ctx.kv_there().delete(&key, Expect::Any).await?;
    let found = ctx.read_value(&key, None).await?;
    ensure_equal("the deleted key", &found, &None)
}

pub(crate) async fn delete_expecting_any_of_a_missing_key_succeeds(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    ctx.kv().delete(&key, Expect::Any).await?;
    ctx.kv().put(&key, VALUE, Expect::Any, None).await?;
    ctx.kv().delete(&key, Expect::Any).await?;
    ctx.kv().delete(&key, Expect::Any).await?;
    let found = ctx.read_value(&key, None).await?;
    ensure_equal("the key deleted twice", &found, &None)
}

pub(crate) async fn delete_expecting_a_version_removes_that_version(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    let version = ctx.kv().put(&key, VALUE, Expect::Any, None).await?;
    ctx.kv().delete(&key, Expect::Version(version)).await?;
    let found = ctx.read_value(&key, None).await?;
    ensure_equal("the deleted key", &found, &None)
}

pub(crate) async fn delete_expecting_another_version_is_refused(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    let first = ctx.kv().put(&key, Bytes::new(), Expect::Any, None).await?;
    let second = ctx.kv().put(&key, VALUE, Expect::Any, None).await?;
    for other in [first, Version::new(second.get() + 1)] {
        let refused = ctx.kv().delete(&key, Expect::Version(other)).await;
        ensure_refused("deleting another version", refused, ErrorKind::Conflict)?;
    }
    let found = ctx.read_value(&key, Some(&VALUE)).await?;
    ensure_equal("the value after refused deletes", &found, &Some(VALUE))
}

pub(crate) async fn delete_expecting_a_version_of_a_missing_key_is_refused(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    let version = ctx.kv().put(&key, VALUE, Expect::Any, None).await?;
    ctx.kv().delete(&key, Expect::Version(version)).await?;
    let refused = ctx.kv().delete(&key, Expect::Version(version)).await;
    ensure_refused("deleting a version twice", refused, ErrorKind::Conflict)
}

pub(crate) async fn delete_expecting_absent_is_invalid(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    let missing = ctx.kv().delete(&key, Expect::Absent).await;
    ensure_refused("deleting what is absent", missing, ErrorKind::Invalid)?;
    ctx.kv().put(&key, VALUE, Expect::Any, None).await?;
    let present = ctx.kv().delete(&key, Expect::Absent).await;
    ensure_refused("deleting what should be absent", present, ErrorKind::Invalid)?;
    let found = ctx.read_value(&key, Some(&VALUE)).await?;
    ensure_equal("the value after an invalid delete", &found, &Some(VALUE))
}
