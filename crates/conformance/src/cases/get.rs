//! KeyValue: reading.

use bytes::Bytes;
use mcpg_cluster::{Entry, Expect, Key};
use tokio::time::Instant;

use crate::failure::{ensure, ensure_equal};
use crate::{Context, Outcome, hostile};

pub(crate) async fn get_of_a_missing_key_returns_none(ctx: &Context) -> Outcome {
    let entry = ctx.kv().get(&ctx.key("missing")).await?;
    ensure_equal("a missing key", &entry, &None)
}

pub(crate) async fn get_of_an_expired_entry_returns_none(ctx: &Context) -> Outcome {
    let (key, ttl) = (ctx.key("short"), ctx.short_ttl());
    let value = Bytes::from_static(b"value");
    ctx.kv().put(&key, value, Expect::Any, Some(ttl)).await?;
    ctx.until_expired(Instant::now(), ttl).await;
    let entry = ctx.kv().get(&key).await?;
    ensure_equal("an expired entry", &entry, &None)
}

pub(crate) async fn get_returns_the_value_and_version_last_written(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    for round in 0..5_u8 {
        let value = Bytes::from(vec![round; 3]);
        let version = ctx.kv().put(&key, value.clone(), Expect::Any, None).await?;
        let is_new =
            |entry: &Option<_>| matches!(entry, Some(Entry { version: found, .. }) if *found == version);
        let entry = ctx.read(&key, is_new).await?;
        let found = entry.map(|entry| (entry.value, entry.version));
        ensure_equal("the entry", &found, &Some((value, version)))?;
    }
    Ok(())
}

pub(crate) async fn get_sees_what_another_replica_wrote(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    for round in 0..5_u8 {
        let value = Bytes::from(vec![round]);
        ctx.kv_there().put(&key, value.clone(), Expect::Any, None).await?;
        let found = ctx.read_value(&key, Some(&value)).await?;
        ensure_equal("the value of the other replica", &found, &Some(value))?;
    }
    ctx.kv_there().delete(&key, Expect::Any).await?;
    let found = ctx.read_value(&key, None).await?;
    ensure_equal("what the other replica deleted", &found, &None)
}

pub(crate) async fn get_keeps_hostile_keys_apart(ctx: &Context) -> Outcome {
    let mut keys = Vec::new();
    for name in hostile::names() {
        keys.push(ctx.key(name.clone()));
        keys.push(Key::new(name, ctx.unique("name")));
    }
    // The same bytes, split in another place.
    let scope = ctx.unique("scope");
    for cut in 0..3 {
        let (head, tail) = scope.split_at(scope.len() - cut);
        keys.push(Key::copied(head, [tail, b"x"].concat()));
    }
    for (number, key) in keys.iter().enumerate() {
        let before = ctx.kv().get(key).await?;
        ensure(before.is_none(), format!("{key} collides with an earlier key"))?;
        let value = Bytes::from(number.to_string());
        ctx.kv().put(key, value, Expect::Absent, None).await?;
    }
    for (number, key) in keys.iter().enumerate() {
        let value = Bytes::from(number.to_string());
        let found = ctx.read_value(key, Some(&value)).await?;
        ensure_equal(&format!("the value of {key}"), &found, &Some(value))?;
    }
    for (number, key) in keys.iter().enumerate() {
        ctx.kv().delete(key, Expect::Any).await?;
        let next = keys.get(number + 1).map(|next| ctx.kv().get(next));
        if let Some(next) = next {
            ensure(
                next.await?.is_some(),
                format!("the delete of {key} took another key along"),
            )?;
        }
    }
    Ok(())
}
