//! Presence.

use async_trait::async_trait;
use mcpg_cluster::{Membership, PeerEvent, PeerEventStream, PeerInfo, Presence, Result};
use mcpg_plugin_abi::{AbiItem, MembershipObject, PresenceObject};

use super::stream::items;
use crate::bounded::Bounds;
use crate::convert::{peer_for_plugin, peer_id, peer_info};

pub(super) struct PluginPresence {
    object: PresenceObject,
    bounds: Bounds,
}

impl PluginPresence {
    pub(super) fn new(object: PresenceObject, bounds: &Bounds) -> Self {
        let bounds = bounds.clone();
        Self { object, bounds }
    }
}

#[async_trait]
impl Presence for PluginPresence {
    async fn join(&self, info: PeerInfo) -> Result<Box<dyn Membership>> {
        let answer = self.object.join(peer_for_plugin(info));
        let object = self.bounds.write("join", answer).await?;
        let bounds = self.bounds.clone();
        Ok(Box::new(PluginMembership { object, bounds }))
    }

    async fn peers(&self) -> Result<Vec<PeerInfo>> {
        let peers = self.bounds.read("peers", self.object.peers()).await?;
        Ok(peers.into_iter().map(peer_info).collect())
    }

    async fn peer_events(&self) -> Result<PeerEventStream> {
        let stream = self.bounds.read("peer_events", self.object.peer_events()).await?;
        Ok(items(
            stream,
            "peer events",
            self.bounds.clone(),
            |item| match item {
                AbiItem::Joined(info) => Some(PeerEvent::Joined(peer_info(info))),
                AbiItem::Left(id) => Some(PeerEvent::Left(peer_id(id))),
                AbiItem::Unreachable(id) => Some(PeerEvent::Unreachable(peer_id(id))),
                _ => None,
            },
        ))
    }
}

struct PluginMembership {
    object: MembershipObject,
    bounds: Bounds,
}

#[async_trait]
impl Membership for PluginMembership {
    async fn leave(self: Box<Self>) -> Result<()> {
        self.bounds.write("leave", self.object.leave()).await
    }
}
