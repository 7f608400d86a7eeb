//! Watch: what is shown.

use bytes::Bytes;
use mcpg_cluster::{Entry, Expect, Key, NamedEntry, WatchEvent, WatchStream};
use tokio::time::Instant;

use crate::failure::{ensure, ensure_equal};
use crate::{Context, Outcome};

const VALUE: Bytes = Bytes::from_static(b"value");

pub(crate) async fn watch_begins_with_a_snapshot(ctx: &Context) -> Outcome {
    let scope = ctx.unique("scope");
    let mut empty = ctx.watch().watch(&scope, b"").await?;
    let first = ctx.next("the snapshot of nothing", &mut empty).await?;
    ensure_equal("the first event", &first, &WatchEvent::Snapshot(Vec::new()))?;
    let mut wanted = Vec::new();
    for name in ["b", "a", "\0", "c"] {
        let version = ctx.kv().put(&ctx.key(name), VALUE, Expect::Any, None).await?;
        let entry = Entry {
            value: VALUE,
            version,
        };
        wanted.push(NamedEntry {
            name: name.into(),
            entry,
        });
    }
    wanted.sort_by(|one, other| one.name.cmp(&other.name));
    let snapshot = async || {
        let mut stream = ctx.watch().watch(&scope, b"").await?;
        ctx.next("the snapshot", &mut stream).await
    };
    let wanted = WatchEvent::Snapshot(wanted);
    let first = ctx.reread(snapshot, |first| *first == wanted).await?;
    ensure_equal("the first event", &first, &wanted)
}

pub(crate) async fn watch_gives_a_put_as_it_was_written(ctx: &Context) -> Outcome {
    let mut stream = watching(ctx, b"").await?;
    for round in 0..5_u8 {
        let value = Bytes::from(vec![round]);
        let key = ctx.key("key");
        let version = ctx.kv().put(&key, value.clone(), Expect::Any, None).await?;
        let event = ctx.next("the put", &mut stream).await?;
        let entry = Entry { value, version };
        let wanted = WatchEvent::Put(NamedEntry {
            name: key.name,
            entry,
        });
        ensure_equal("the event", &event, &wanted)?;
    }
    Ok(())
}

pub(crate) async fn watch_gives_a_delete(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    let mut stream = watching(ctx, b"").await?;
    ctx.kv().put(&key, VALUE, Expect::Any, None).await?;
    ctx.next("the put", &mut stream).await?;
    ctx.kv().delete(&key, Expect::Any).await?;
    ensure_deleted(ctx, &mut stream, &key).await
}

pub(crate) async fn watch_gives_an_expiry_as_a_delete(ctx: &Context) -> Outcome {
    let (key, ttl) = (ctx.key("key"), ctx.short_ttl());
    let mut stream = watching(ctx, b"").await?;
    ctx.kv().put(&key, VALUE, Expect::Any, Some(ttl)).await?;
    let acknowledged = Instant::now();
    ctx.next("the put", &mut stream).await?;
    ctx.until_expired(acknowledged, ttl).await;
    ensure_deleted(ctx, &mut stream, &key).await
}

pub(crate) async fn watch_gives_what_another_replica_changes(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    let mut stream = watching(ctx, b"").await?;
    let version = ctx.kv_there().put(&key, VALUE, Expect::Any, None).await?;
    let event = ctx.next("the put of another replica", &mut stream).await?;
    let entry = Entry {
        value: VALUE,
        version,
    };
    let wanted = WatchEvent::Put(NamedEntry {
        name: key.name.clone(),
        entry,
    });
    ensure_equal("the event", &event, &wanted)?;
    ctx.kv_there().delete(&key, Expect::Any).await?;
    ensure_deleted(ctx, &mut stream, &key).await
}

pub(crate) async fn watch_stays_within_its_scope_and_prefix(ctx: &Context) -> Outcome {
    let (scope, inside) = (ctx.unique("scope"), ctx.key("a.*b"));
    let mut stream = watching(ctx, b"a.*").await?;
    let mut outside = Vec::new();
    for name in ["a", "a.", "a.x", "aX*", "b", "", "*", "a.x*"] {
        outside.push(ctx.key(name));
    }
    for suffix in ["/", "*", ".", "\0"] {
        outside.push(Key::new([&scope[..], suffix.as_bytes()].concat(), "a.*"));
    }
    for key in &outside {
        ctx.kv().put(key, VALUE, Expect::Any, None).await?;
        ctx.kv().delete(key, Expect::Any).await?;
    }
    ctx.kv().put(&inside, VALUE, Expect::Any, None).await?;
    let event = ctx.next("the put with the prefix", &mut stream).await?;
    let is_inside = matches!(&event, WatchEvent::Put(named) if named.name == inside.name);
    ensure(is_inside, format!("the first event is {event:?}"))
}

/// A watch of the case's own scope whose first snapshot was read.
async fn watching(ctx: &Context, prefix: &[u8]) -> Outcome<WatchStream> {
    let mut stream = ctx.watch().watch(&ctx.unique("scope"), prefix).await?;
    let first = ctx.next("the snapshot", &mut stream).await?;
    ensure_equal("the first event", &first, &WatchEvent::Snapshot(Vec::new()))?;
    Ok(stream)
}

async fn ensure_deleted(ctx: &Context, stream: &mut WatchStream, key: &Key) -> Outcome {
    let event = ctx.next("the delete", stream).await?;
    let name = key.name.clone();
    ensure_equal("the event", &event, &WatchEvent::Delete { name })
}
