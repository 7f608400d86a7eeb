//! The coordinator as a whole.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};
use mcpg_cluster::{
    Connection, Coordinator, ErrorKind, Event, Expect, PeerId, PeerInfo, Result, Token, Version,
};
use tokio::time::timeout;

use crate::failure::{ensure, ensure_equal, ensure_refused};
use crate::{Context, Failure, Outcome};

const VALUE: Bytes = Bytes::from_static(b"value");

pub(crate) async fn kind_is_one_word_of_lower_case_letters(ctx: &Context) -> Outcome {
    let kind = ctx.here().kind();
    let starts_well = kind.starts_with(|first: char| first.is_ascii_lowercase());
    let goes_on_well = kind
        .chars()
        .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
    ensure(starts_well && goes_on_well, format!("the kind is {kind:?}"))?;
    ensure_equal("the kind of another replica", &ctx.there().kind(), &kind)
}

pub(crate) async fn node_is_a_name(ctx: &Context) -> Outcome {
    for replica in [ctx.here(), ctx.there()] {
        let node = replica.node();
        let is_name = (1..=255).contains(&node.len()) && !node.contains(char::is_control);
        ensure(is_name, format!("the node is {node:?}"))?;
        ensure_equal("the node at the second call", &replica.node(), &node)?;
    }
    Ok(())
}

pub(crate) async fn support_declares_limits_that_one_can_live_with(ctx: &Context) -> Outcome {
    const LEAST: usize = 64 * 1024;
    let support = ctx.support();
    ensure(support.max_value_bytes >= LEAST, "values are too small")?;
    ensure(support.max_message_bytes >= LEAST, "messages are too small")?;
    ensure(support.min_ttl > Duration::ZERO, "the shortest ttl is zero")?;
    let room = support.max_ttl.is_none_or(|max_ttl| max_ttl > support.min_ttl);
    ensure(room, "the longest ttl is not above the shortest")
}

pub(crate) async fn support_declares_a_lease_ttl_within_its_limits(ctx: &Context) -> Outcome {
    let support = ctx.support();
    let ttl = support.lease_ttl;
    ensure(
        ttl >= support.min_ttl,
        format!("{ttl:?} is below the shortest ttl"),
    )?;
    let room = support.max_ttl.is_none_or(|max_ttl| ttl <= max_ttl);
    ensure(room, format!("{ttl:?} is above the longest ttl"))
}

pub(crate) async fn primitives_work_from_the_start(ctx: &Context) -> Outcome {
    let replica = ctx.third().await?;
    let primitives = replica.primitives();
    let key = ctx.key("key");
    primitives
        .key_value
        .put(&key, VALUE, Expect::Absent, None)
        .await?;
    primitives.pubsub.publish(&key.scope, VALUE).await?;
    let holder = primitives.lease.holder(&ctx.unique("lease")).await?;
    ensure_equal("the holder", &holder, &None)?;
    let mut stream = primitives.watch.watch(&key.scope, b"").await?;
    ctx.next("the snapshot", &mut stream).await?;
    primitives.presence.peers().await?;
    Ok(replica.close().await?)
}

pub(crate) async fn connection_begins_with_the_present_state(ctx: &Context) -> Outcome {
    let mut connection = ctx.here().connection();
    let first = timeout(ctx.patience(), connection.next()).await;
    let is_up = matches!(first, Ok(Some(Connection::Up(_))));
    ensure(is_up, format!("the first state is {first:?}"))
}

pub(crate) async fn close_makes_later_calls_fail_as_closed(ctx: &Context) -> Outcome {
    let replica = ctx.third().await?;
    let (key, request) = (ctx.key("key"), ctx.lease_request("a", ctx.long_ttl())?);
    replica.close().await?;
    ensure_key_value_closed(&*replica, &key).await?;
    let primitives = replica.primitives();
    let lease = &primitives.lease;
    refused(lease.acquire(&request).await)?;
    refused(lease.renew(&request, Token::new(1)).await)?;
    refused(lease.release(&request.name, Token::new(1)).await)?;
    refused(lease.holder(&request.name).await)?;
    refused(primitives.pubsub.publish(b"topic", VALUE).await)?;
    refused(primitives.pubsub.subscribe(b"topic").await.map(drop))?;
    refused(primitives.watch.watch(&key.scope, b"").await.map(drop))?;
    refused(primitives.presence.peers().await)?;
    refused(primitives.presence.peer_events().await.map(drop))?;
    let id = PeerId {
        node: "a".to_owned(),
        boot: "1".to_owned(),
    };
    let info = PeerInfo { id, details: VALUE };
    refused(primitives.presence.join(info).await.map(drop))
}

async fn ensure_key_value_closed(replica: &dyn Coordinator, key: &mcpg_cluster::Key) -> Outcome {
    let kv = &replica.primitives().key_value;
    refused(kv.get(key).await)?;
    refused(kv.put(key, VALUE, Expect::Any, None).await)?;
    refused(kv.delete(key, Expect::Any).await)?;
    refused(kv.list(&key.scope, b"", None, 10).await)?;
    refused(kv.touch(key, Duration::from_secs(60), Version::new(1)).await)
}

fn refused<T: std::fmt::Debug>(result: Result<T>) -> Outcome {
    ensure_refused("a call after the close", result, ErrorKind::Closed)
}

pub(crate) async fn close_ends_the_streams_with_an_error(ctx: &Context) -> Outcome {
    let replica = ctx.third().await?;
    let primitives = replica.primitives();
    let mut events = primitives.pubsub.subscribe(b"topic").await?;
    let mut changes = primitives.watch.watch(&ctx.unique("scope"), b"").await?;
    let mut peers = primitives.presence.peer_events().await?;
    ctx.next("the snapshot", &mut changes).await?;
    replica.close().await?;
    ensure_ends(ctx, "the subscription", &mut events).await?;
    ensure_ends(ctx, "the watch", &mut changes).await?;
    ensure_ends(ctx, "the peer events", &mut peers).await
}

async fn ensure_ends<T: std::fmt::Debug>(
    ctx: &Context,
    what: &str,
    stream: &mut BoxStream<'static, Result<T>>,
) -> Outcome {
    for wanted in ["a last error", "the end"] {
        match (timeout(ctx.patience(), stream.next()).await, wanted) {
            (Ok(Some(Err(error))), "a last error") if error.kind() == ErrorKind::Closed => {}
            (Ok(None), "the end") => {}
            (found, _) => {
                return Err(Failure::new(format!(
                    "{what} gives {found:?} instead of {wanted}"
                )));
            }
        }
    }
    Ok(())
}

pub(crate) async fn close_leaves_other_replicas_alone(ctx: &Context) -> Outcome {
    let replica = ctx.third().await?;
    let key = ctx.key("key");
    replica
        .primitives()
        .key_value
        .put(&key, VALUE, Expect::Absent, None)
        .await?;
    let mut events = ctx.pubsub().subscribe(&key.scope).await?;
    replica.close().await?;
    let found = ctx.read_value(&key, Some(&VALUE)).await?;
    ensure_equal("what the closed replica wrote", &found, &Some(VALUE))?;
    ctx.pubsub_there().publish(&key.scope, VALUE).await?;
    let event = ctx.next("the message", &mut events).await?;
    ensure_equal("the event", &event, &Event::Message(VALUE))
}

pub(crate) async fn close_twice_succeeds(ctx: &Context) -> Outcome {
    let replica = ctx.third().await?;
    replica.close().await?;
    replica.close().await?;
    let refused_call = replica.primitives().presence.peers().await;
    refused(refused_call)
}
