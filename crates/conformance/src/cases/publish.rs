//! PubSub: sending.

use bytes::Bytes;
use mcpg_cluster::{ErrorKind, Event, EventStream};

use super::limits::{LARGEST_TRIED, pattern};
use crate::failure::{ensure, ensure_equal, ensure_refused};
use crate::{Context, Outcome, hostile};

const MESSAGE: Bytes = Bytes::from_static(b"message");

pub(crate) async fn publish_reaches_every_subscriber_of_the_topic(ctx: &Context) -> Outcome {
    let topic = ctx.unique("topic");
    let mut subscriptions = Vec::new();
    for replica in [ctx.pubsub(), ctx.pubsub(), ctx.pubsub_there()] {
        subscriptions.push(replica.subscribe(&topic).await?);
    }
    for sender in [ctx.pubsub(), ctx.pubsub_there()] {
        sender.publish(&topic, MESSAGE).await?;
        for subscription in &mut subscriptions {
            let event = ctx.next("the message", subscription).await?;
            ensure_equal("the event", &event, &Event::Message(MESSAGE))?;
        }
    }
    Ok(())
}

pub(crate) async fn publish_to_nobody_succeeds(ctx: &Context) -> Outcome {
    let topic = ctx.unique("topic");
    ctx.pubsub().publish(&topic, MESSAGE).await?;
    drop(ctx.pubsub().subscribe(&topic).await?);
    ctx.pubsub().publish(&topic, MESSAGE).await?;
    Ok(())
}

pub(crate) async fn publish_keeps_the_order_of_one_publisher(ctx: &Context) -> Outcome {
    const MESSAGES: u32 = 100;
    let topic = ctx.unique("topic");
    let mut subscription = ctx.pubsub_there().subscribe(&topic).await?;
    for number in 0..MESSAGES {
        let message = Bytes::from(number.to_be_bytes().to_vec());
        ctx.pubsub().publish(&topic, message).await?;
    }
    let mut last = None;
    while last != Some(MESSAGES - 1) {
        let Event::Message(message) = ctx.next("a message", &mut subscription).await? else {
            continue;
        };
        let number = message.as_ref().try_into().map(u32::from_be_bytes).ok();
        ensure(number > last, format!("message {number:?} came after {last:?}"))?;
        last = number;
    }
    Ok(())
}

pub(crate) async fn publish_takes_topics_literally(ctx: &Context) -> Outcome {
    let prefix = ctx.unique("topic");
    let mut topics: Vec<Bytes> = vec![hostile::longest(b'x'), hostile::longest(b'y')];
    for name in hostile::names().into_iter().filter(|name| name.len() < 100) {
        topics.push([&prefix[..], &name[..]].concat().into());
    }
    let mut subscriptions: Vec<(Bytes, EventStream)> = Vec::new();
    for topic in &topics {
        subscriptions.push((topic.clone(), ctx.pubsub().subscribe(topic).await?));
    }
    for (number, topic) in topics.iter().enumerate() {
        ctx.pubsub_there()
            .publish(topic, number.to_string().into())
            .await?;
    }
    for (number, (topic, subscription)) in subscriptions.iter_mut().enumerate() {
        let what = format!("the message of topic {}", topic.escape_ascii());
        ctx.pubsub_there()
            .publish(topic, Bytes::from_static(b"end"))
            .await?;
        let event = ctx.next(&what, subscription).await?;
        ensure_equal(&what, &event, &Event::Message(number.to_string().into()))?;
        let event = ctx.next(&what, subscription).await?;
        ensure_equal(&what, &event, &Event::Message(Bytes::from_static(b"end")))?;
    }
    Ok(())
}

pub(crate) async fn publish_of_an_empty_message_arrives(ctx: &Context) -> Outcome {
    ensure_arrives(ctx, Bytes::new()).await
}

pub(crate) async fn publish_of_the_largest_message_arrives_whole(ctx: &Context) -> Outcome {
    let largest = ctx.support().max_message_bytes.min(LARGEST_TRIED);
    ensure_arrives(ctx, pattern(largest)).await
}

pub(crate) async fn publish_of_a_message_above_the_largest_is_refused(ctx: &Context) -> Outcome {
    let largest = ctx.support().max_message_bytes;
    if largest < LARGEST_TRIED {
        let topic = ctx.unique("topic");
        let refused = ctx.pubsub().publish(&topic, pattern(largest + 1)).await;
        ensure_refused("a message above the largest", refused, ErrorKind::TooLarge)?;
    }
    let topic = Bytes::from(vec![b'x'; mcpg_cluster::LARGEST_NAME_BYTES + 1]);
    let refused = ctx.pubsub().publish(&topic, MESSAGE).await;
    ensure_refused("a topic above the longest", refused, ErrorKind::TooLarge)
}

async fn ensure_arrives(ctx: &Context, message: Bytes) -> Outcome {
    let topic = ctx.unique("topic");
    let mut subscription = ctx.pubsub().subscribe(&topic).await?;
    ctx.pubsub_there().publish(&topic, message.clone()).await?;
    let event = ctx.next("the message", &mut subscription).await?;
    ensure(event == Event::Message(message), "the message came back changed")
}
