//! PubSub: the wake-up that may get lost.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::Result;

/// The events of one subscription; dropping it ends the subscription.
pub type EventStream = BoxStream<'static, Result<Event>>;

/// Messages to whoever listens now.
///
/// Delivery is at most once: whoever subscribes must be able to find out by reading what a lost message would
/// have told. Topics are bytes of at most [`LARGEST_NAME_BYTES`](crate::LARGEST_NAME_BYTES).
#[async_trait]
pub trait PubSub: Send + Sync {
    /// Sends a message to the subscribers of a topic. Nobody listening is no error.
    ///
    /// # Behavior
    /// - publish reaches every subscriber of the topic: those of other replicas and the publisher's own.
    /// - publish to nobody succeeds: and the message is gone.
    /// - publish keeps the order of one publisher: what arrives of one topic arrives in the order of sending.
    /// - publish takes topics literally: wildcards and separators in a topic mean nothing.
    /// - publish of an empty message arrives: as an empty message.
    /// - publish of the largest message arrives whole: `max_message_bytes` of `Support`.
    /// - publish of a message above the largest is refused: `TooLarge`.
    async fn publish(&self, topic: &[u8], payload: Bytes) -> Result<()>;

    /// Listens to a topic and returns when the subscription is live.
    ///
    /// The stream ends after an error; it never ends without one.
    ///
    /// # Behavior
    /// - subscribe returns when it is live: a message published afterwards, on any replica, arrives or a `Gap` does.
    /// - subscribe starts at the present: messages published before are not replayed.
    /// - subscriber that is slow gets a gap: where messages were dropped for it, and no publisher waits for it.
    /// - subscription that is dropped ends alone: the others of that topic go on.
    async fn subscribe(&self, topic: &[u8]) -> Result<EventStream>;
}

/// What a subscription yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message.
    Message(Bytes),
    /// Something may have been missed at this place: read what the messages are about.
    Gap,
}
