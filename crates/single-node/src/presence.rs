//! Presence in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use mcpg_cluster::{
    Error, ErrorKind, Membership, PeerEvent, PeerEventStream, PeerId, PeerInfo, Presence, Result,
};
use parking_lot::Mutex;

use crate::gate::Gate;
use crate::mailbox::{Mailbox, Reader, read};

type Changes = Mailbox<PeerEvent>;

/// Who is there and who wants to know.
#[derive(Default)]
pub(crate) struct Peers {
    present: Mutex<Present>,
}

#[derive(Default)]
struct Present {
    peers: BTreeMap<PeerId, Stay>,
    last_stay: u64,
    subscribers: Vec<Arc<Changes>>,
}

struct Stay {
    number: u64,
    info: PeerInfo,
    /// The gate of the replica that it belongs to.
    gate: Arc<Gate>,
}

impl Peers {
    fn join(&self, info: PeerInfo, gate: &Arc<Gate>) -> Result<u64> {
        let mut present = self.present.lock();
        if present.peers.contains_key(&info.id) {
            let message = "the peer is present already";
            return Err(Error::new(ErrorKind::Conflict, message)
                .with_context("node", info.id.node)
                .with_context("boot", info.id.boot));
        }
        present.last_stay += 1;
        let number = present.last_stay;
        present.tell(&PeerEvent::Joined(info.clone()));
        let stay = Stay {
            number,
            info: info.clone(),
            gate: Arc::clone(gate),
        };
        present.peers.insert(info.id, stay);
        Ok(number)
    }

    /// Ends a stay; one that is over already stays over.
    fn end(&self, id: &PeerId, number: u64, event: &PeerEvent) {
        let mut present = self.present.lock();
        if present.peers.get(id).is_some_and(|stay| stay.number == number) {
            present.peers.remove(id);
            present.tell(event);
        }
    }
}

impl Peers {
    /// Ends the stays of a replica that is closed without having left.
    pub(crate) fn end_all_of(&self, gate: &Arc<Gate>) {
        let mut present = self.present.lock();
        let stays = std::mem::take(&mut present.peers);
        let (gone, stay) = stays
            .into_iter()
            .partition(|(_, stay)| Arc::ptr_eq(&stay.gate, gate));
        present.peers = stay;
        let gone: BTreeMap<PeerId, Stay> = gone;
        for id in gone.into_keys() {
            present.tell(&PeerEvent::Unreachable(id));
        }
    }
}

impl Present {
    fn tell(&self, event: &PeerEvent) {
        for changes in &self.subscribers {
            changes.push(event.clone());
        }
    }
}

pub(crate) struct MemoryPresence {
    peers: Arc<Peers>,
    gate: Arc<Gate>,
}

impl MemoryPresence {
    pub(crate) fn new(peers: &Arc<Peers>, gate: &Arc<Gate>) -> Self {
        Self {
            peers: Arc::clone(peers),
            gate: Arc::clone(gate),
        }
    }
}

#[async_trait]
impl Presence for MemoryPresence {
    async fn join(&self, info: PeerInfo) -> Result<Box<dyn Membership>> {
        self.gate.check()?;
        let id = info.id.clone();
        let number = self.peers.join(info, &self.gate)?;
        let stay = MemoryMembership {
            peers: Arc::clone(&self.peers),
            id,
            number,
        };
        Ok(Box::new(stay))
    }

    async fn peers(&self) -> Result<Vec<PeerInfo>> {
        self.gate.check()?;
        let present = self.peers.present.lock();
        Ok(present.peers.values().map(|stay| stay.info.clone()).collect())
    }

    async fn peer_events(&self) -> Result<PeerEventStream> {
        self.gate.check()?;
        let changes = Arc::new(Changes::default());
        let mut present = self.peers.present.lock();
        for stay in present.peers.values() {
            changes.push(PeerEvent::Joined(stay.info.clone()));
        }
        present.subscribers.push(Arc::clone(&changes));
        drop(present);
        let following = Following {
            peers: Arc::clone(&self.peers),
            changes,
        };
        Ok(read(following, Arc::clone(&self.gate)))
    }
}

struct MemoryMembership {
    peers: Arc<Peers>,
    id: PeerId,
    number: u64,
}

#[async_trait]
impl Membership for MemoryMembership {
    async fn leave(self: Box<Self>) -> Result<()> {
        let left = PeerEvent::Left(self.id.clone());
        self.peers.end(&self.id, self.number, &left);
        Ok(())
    }
}

impl Drop for MemoryMembership {
    fn drop(&mut self) {
        let gone = PeerEvent::Unreachable(self.id.clone());
        self.peers.end(&self.id, self.number, &gone);
    }
}

struct Following {
    peers: Arc<Peers>,
    changes: Arc<Changes>,
}

impl Reader for Following {
    type Event = PeerEvent;
    type Item = PeerEvent;

    fn mailbox(&self) -> &Changes {
        &self.changes
    }

    fn event(&self, event: PeerEvent) -> PeerEvent {
        event
    }

    fn overflow(&self) -> Result<PeerEvent> {
        let message = "the reader of the peer events is too slow";
        Err(Error::new(ErrorKind::Unavailable, message))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut present = self.peers.present.lock();
        present
            .subscribers
            .retain(|changes| !Arc::ptr_eq(changes, &self.changes));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures_util::StreamExt;

    use super::*;
    use crate::mailbox::CAPACITY;

    fn peer(boot: usize) -> PeerInfo {
        PeerInfo {
            id: PeerId {
                node: "node".to_owned(),
                boot: boot.to_string(),
            },
            details: "details".into(),
        }
    }

    #[tokio::test]
    async fn a_slow_reader_gets_an_error_and_starts_over() {
        let presence = MemoryPresence::new(&Arc::default(), &Arc::default());
        let mut events = presence.peer_events().await.unwrap();
        for number in 0..CAPACITY {
            let stay = presence.join(peer(number)).await.unwrap();
            stay.leave().await.unwrap();
        }
        let error = events.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(events.next().await.is_none());
        drop(events);
        let _stay = presence.join(peer(1)).await.unwrap();
        let mut events = presence.peer_events().await.unwrap();
        let first = events.next().await.unwrap().unwrap();
        assert_eq!(first, PeerEvent::Joined(peer(1)));
        assert_eq!(presence.peers.present.lock().subscribers.len(), 1);
    }

    #[tokio::test]
    async fn the_stays_of_a_closed_replica_end_as_unreachable_and_no_others() {
        let (peers, closing) = (Arc::<Peers>::default(), Arc::<Gate>::default());
        let leaving = MemoryPresence::new(&peers, &closing);
        let staying = MemoryPresence::new(&peers, &Arc::default());
        let stay = leaving.join(peer(1)).await.unwrap();
        let _other = staying.join(peer(2)).await.unwrap();
        let mut events = staying.peer_events().await.unwrap();
        peers.end_all_of(&closing);
        drop(stay);
        for wanted in [
            PeerEvent::Joined(peer(1)),
            PeerEvent::Joined(peer(2)),
            PeerEvent::Unreachable(peer(1).id),
        ] {
            assert_eq!(events.next().await.unwrap().unwrap(), wanted);
        }
        assert_eq!(staying.peers().await.unwrap(), [peer(2)]);
    }
}
