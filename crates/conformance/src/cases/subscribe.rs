//! PubSub: listening.

use bytes::Bytes;
use mcpg_cluster::{Event, EventStream};

use crate::failure::{ensure, ensure_equal};
use crate::{Context, Failure, Outcome};

const MESSAGE: Bytes = Bytes::from_static(b"message");
const END: Bytes = Bytes::from_static(b"end");

pub(crate) async fn subscribe_returns_when_it_is_live(ctx: &Context) -> Outcome {
    for round in 0..20_u8 {
        let topic = ctx.unique(&round.to_string());
        let mut subscription = ctx.pubsub().subscribe(&topic).await?;
        let sender = if round % 2 == 0 {
            ctx.pubsub()
        } else {
            ctx.pubsub_there()
        };
        sender.publish(&topic, MESSAGE).await?;
        let event = ctx.next("a message sent right away", &mut subscription).await?;
        let told = event == Event::Gap || event == Event::Message(MESSAGE);
        ensure(told, format!("the first event is {event:?}"))?;
    }
    Ok(())
}

pub(crate) async fn subscribe_starts_at_the_present(ctx: &Context) -> Outcome {
    let topic = ctx.unique("topic");
    let mut earlier = ctx.pubsub().subscribe(&topic).await?;
    ctx.pubsub().publish(&topic, MESSAGE).await?;
    // The message is over for everybody once an earlier subscription has it.
    ctx.next("the first message", &mut earlier).await?;
    let mut subscription = ctx.pubsub().subscribe(&topic).await?;
    ctx.pubsub().publish(&topic, END).await?;
    let event = ctx.next("the second message", &mut subscription).await?;
    ensure_equal("the first event", &event, &Event::Message(END))
}

pub(crate) async fn subscriber_that_is_slow_gets_a_gap(ctx: &Context) -> Outcome {
    const FLOOD: u32 = 5000;
    let topic = ctx.unique("topic");
    let mut slow = ctx.pubsub().subscribe(&topic).await?;
    for number in 0..FLOOD {
        let message = Bytes::from(number.to_be_bytes().to_vec());
        ctx.pubsub_there().publish(&topic, message).await?;
    }
    let mut expected = 0;
    let mut gaps = 0;
    loop {
        match next_or_end(ctx, &topic, &mut slow).await? {
            Event::Gap => gaps += 1,
            Event::Message(message) if message == END => break,
            Event::Message(message) => {
                let number = message.as_ref().try_into().map(u32::from_be_bytes);
                let number = number.map_err(|_| Failure::new("a foreign message arrived"))?;
                let complete = number == expected || gaps > 0;
                ensure(
                    complete,
                    format!("{number} came instead of {expected}, without a gap"),
                )?;
                expected = number + 1;
            }
        }
    }
    let message = format!("of {FLOOD} messages the last one read is {expected}, without a gap");
    ensure(expected == FLOOD || gaps > 0, message)
}

/// The next event; the end is published again each time, since it may be among what is dropped.
async fn next_or_end(ctx: &Context, topic: &[u8], subscription: &mut EventStream) -> Outcome<Event> {
    ctx.pubsub_there().publish(topic, END).await?;
    ctx.next("an event of the flood", subscription).await
}

pub(crate) async fn subscription_that_is_dropped_ends_alone(ctx: &Context) -> Outcome {
    let topic = ctx.unique("topic");
    let first = ctx.pubsub().subscribe(&topic).await?;
    let mut second = ctx.pubsub().subscribe(&topic).await?;
    let mut third = ctx.pubsub_there().subscribe(&topic).await?;
    drop(first);
    ctx.pubsub().publish(&topic, MESSAGE).await?;
    for other in [&mut second, &mut third] {
        let event = ctx.next("the message", other).await?;
        ensure_equal("the event", &event, &Event::Message(MESSAGE))?;
    }
    Ok(())
}
