//! PubSub.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use mcpg_cluster::{Event, PubSub};
use mcpg_plugin_abi::{
    AbiItem, Answer, PubSubObject, PubSubTrait, PubSubTrait_TO, RSlice, RVec, StreamObject, TD_Opaque,
};

use super::stream;
use crate::convert::bytes;
use crate::guard::{Call, Held, future};

pub(super) fn object(pubsub: Arc<dyn PubSub>) -> PubSubObject {
    PubSubTrait_TO::from_value(Bridge(Held::new(pubsub)), TD_Opaque)
}

struct Bridge(Held<Arc<dyn PubSub>>);

impl PubSubTrait for Bridge {
    fn publish(&self, topic: RSlice<'_, u8>, payload: RVec<u8>) -> Answer<()> {
        let (pubsub, topic) = (Arc::clone(&self.0), Bytes::copy_from_slice(topic.as_slice()));
        future(Call::Write("publish"), async move {
            pubsub.publish(&topic, bytes(payload)).await
        })
    }

    fn subscribe(&self, topic: RSlice<'_, u8>) -> Answer<StreamObject> {
        let (pubsub, topic) = (Arc::clone(&self.0), Bytes::copy_from_slice(topic.as_slice()));
        future(Call::Read("subscribe"), async move {
            let events = pubsub.subscribe(&topic).await?.map(|event| {
                event.map(|event| match event {
                    Event::Message(payload) => AbiItem::Message(RVec::from(Vec::from(payload))),
                    Event::Gap => AbiItem::Gap,
                })
            });
            Ok(stream::object("subscription", events.boxed()))
        })
    }
}
