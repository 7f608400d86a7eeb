//! Presence.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use mcpg_cluster::{Error, ErrorKind, Membership, PeerEvent, Presence};
use mcpg_plugin_abi::{
    AbiItem, AbiPeerInfo, Answer, MembershipObject, MembershipTrait, MembershipTrait_TO, PresenceObject,
    PresenceTrait, PresenceTrait_TO, RVec, StreamObject, TD_Opaque,
};

use super::stream;
use crate::convert::{peer_from, peer_id, peer_info};
use crate::guard::{Call, Held, future};

pub(super) fn object(presence: Arc<dyn Presence>) -> PresenceObject {
    PresenceTrait_TO::from_value(Bridge(Held::new(presence)), TD_Opaque)
}

struct Bridge(Held<Arc<dyn Presence>>);

impl PresenceTrait for Bridge {
    fn join(&self, info: AbiPeerInfo) -> Answer<MembershipObject> {
        let presence = Arc::clone(&self.0);
        future(Call::Write("join"), async move {
            let membership = presence.join(peer_from(info)).await?;
            let stay = Stay(Held::new(Mutex::new(Some(membership))));
            Ok(MembershipTrait_TO::from_value(stay, TD_Opaque))
        })
    }

    fn peers(&self) -> Answer<RVec<AbiPeerInfo>> {
        let presence = Arc::clone(&self.0);
        future(Call::Read("peers"), async move {
            let peers = presence.peers().await?;
            Ok(peers.into_iter().map(peer_info).collect())
        })
    }

    fn peer_events(&self) -> Answer<StreamObject> {
        let presence = Arc::clone(&self.0);
        future(Call::Read("peer_events"), async move {
            let events = presence.peer_events().await?.map(|event| event.map(item));
            Ok(stream::object("peer events", events.boxed()))
        })
    }
}

fn item(event: PeerEvent) -> AbiItem {
    match event {
        PeerEvent::Joined(info) => AbiItem::Joined(peer_info(info)),
        PeerEvent::Left(id) => AbiItem::Left(peer_id(id)),
        PeerEvent::Unreachable(id) => AbiItem::Unreachable(peer_id(id)),
    }
}

struct Stay(Held<Mutex<Option<Box<dyn Membership>>>>);

impl MembershipTrait for Stay {
    fn leave(&self) -> Answer<()> {
        let membership = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        future(Call::Write("leave"), async move {
            match membership {
                Some(membership) => membership.leave().await,
                None => Err(Error::new(ErrorKind::Invalid, "this membership was left already")),
            }
        })
    }
}
