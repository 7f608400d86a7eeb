//! `Presence`: one entry per peer, kept alive by the peer.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use mcpg_plugin_sdk::cluster::{
    Error, ErrorKind, Expect, Membership, NamedEntry, Nonce, PeerEvent, PeerEventStream, PeerId, PeerInfo,
    Presence, Result, Version, WatchEvent,
};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};

use crate::store::{Part, Store};
use crate::watch::Watching;

/// All peers are in one scope.
const SCOPE: &[u8] = b"";

/// How long it is remembered that a peer left in good order, for replicas that look later.
const LEFT_IS_REMEMBERED: Duration = Duration::from_secs(30);

const LARGEST_DETAILS: usize = 4 * 1024;

pub(crate) struct RedisPresence(pub(crate) Store);

#[async_trait]
impl Presence for RedisPresence {
    async fn join(&self, info: PeerInfo) -> Result<Box<dyn Membership>> {
        if info.details.len() > LARGEST_DETAILS {
            let message = format!("details of {} bytes are too large", info.details.len());
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        let stay = Stay {
            nonce: Nonce::random()?.as_u128(),
            state: State::Present,
            info,
        };
        let version = enter(&self.0, &stay).await?;
        let (leaving, left) = oneshot::channel();
        let count = self.0.client.begin_stay();
        let store = self.0.clone();
        tokio::spawn(async move {
            keep_alive(store, stay, version, left).await;
            drop(count);
        });
        Ok(Box::new(RedisMembership { leaving }))
    }

    async fn peers(&self) -> Result<Vec<PeerInfo>> {
        let mut peers = Vec::new();
        let mut after: Option<Bytes> = None;
        loop {
            let part = Part {
                prefix: b"",
                after: after.as_deref(),
                limit: 512,
                since: 0,
            };
            let found = self.0.page(SCOPE, &part).await?;
            let stays = found
                .entries
                .iter()
                .filter_map(|seen| Stay::decode(seen.value.as_ref()?));
            peers.extend(stays.filter(Stay::is_present).map(|stay| stay.info));
            match found.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        peers.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(peers)
    }

    async fn peer_events(&self) -> Result<PeerEventStream> {
        let following = Following {
            watching: Watching::start(&self.0, SCOPE, b"").await?,
            present: BTreeMap::new(),
            events: VecDeque::new(),
        };
        let events = stream::unfold(Some(following), |following| async {
            let mut following = following?;
            match following.next().await {
                Ok(event) => Some((Ok(event), Some(following))),
                Err(error) => Some((Err(error), None)),
            }
        });
        Ok(events.boxed())
    }
}

/// Writes the entry of a peer that comes, over the mark of an earlier stay if there is one.
async fn enter(store: &Store, stay: &Stay) -> Result<Version> {
    let (name, value) = (stay.name(), stay.encode());
    let ttl = Some(store.client.settings.peer_ttl);
    let refused = match store.put((SCOPE, &name), &value, Expect::Absent, ttl).await {
        Err(error) if error.kind() == ErrorKind::Conflict => error,
        other => return other,
    };
    let there = store.get(SCOPE, &name).await?;
    let mark = there.filter(|entry| Stay::decode(&entry.value).is_some_and(|stay| !stay.is_present()));
    let Some(mark) = mark else {
        let id = &stay.info.id;
        return Err(Error::new(ErrorKind::Conflict, "the peer is present already")
            .with_context("node", id.node.clone())
            .with_context("boot", id.boot.clone())
            .with_source(refused));
    };
    store
        .put((SCOPE, &name), &value, Expect::Version(mark.version), ttl)
        .await
}

type Leaving = oneshot::Sender<Result<()>>;

/// Refreshes the entry until the stay ends.
async fn keep_alive(store: Store, stay: Stay, version: Version, leaving: oneshot::Receiver<Leaving>) {
    let name = stay.name();
    let mut version = version;
    let mut refresh = interval(store.client.settings.peer_refresh_interval);
    refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut leaving = leaving;
    let asked = loop {
        tokio::select! {
            biased;
            () = store.client.gate.closed() => break None,
            asked = &mut leaving => break asked.ok(),
            _ = refresh.tick() => {}
        }
        let ttl = store.client.settings.peer_ttl;
        match store.touch(SCOPE, &name, ttl, version).await {
            // The stay had expired, as after a pause of this process or an outage: it begins again.
            Err(error) if error.kind() == ErrorKind::Conflict => {
                if let Ok(again) = enter(&store, &stay).await {
                    version = again;
                }
            }
            _ => {}
        }
    };
    match asked {
        Some(answer) => {
            let mark = Stay {
                state: State::Left,
                ..stay
            };
            let expect = Expect::Version(version);
            let ttl = Some(LEFT_IS_REMEMBERED);
            let put = store.put((SCOPE, &name), &mark.encode(), expect, ttl).await;
            let outcome = match put {
                // Expired already: nobody sees the peer any more.
                Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
                other => other.map(drop),
            };
            let _ = answer.send(outcome);
        }
        None => {
            // Others need not wait for the TTL. If this does not get through, they do.
            let _ = store.forget(SCOPE, &name, version).await;
        }
    }
}

struct RedisMembership {
    /// Dropping it ends the stay without a word.
    leaving: oneshot::Sender<Leaving>,
}

#[async_trait]
impl Membership for RedisMembership {
    async fn leave(self: Box<Self>) -> Result<()> {
        let (answer, left) = oneshot::channel();
        // Without a receiver the coordinator was closed, and the stay ended with it.
        if self.leaving.send(answer).is_err() {
            return Ok(());
        }
        left.await.unwrap_or(Ok(()))
    }
}

struct Following {
    watching: Watching,
    /// The peers that were told of, each with the nonce of its stay, by the name of its entry.
    present: BTreeMap<Bytes, (u128, PeerId)>,
    events: VecDeque<PeerEvent>,
}

impl Following {
    async fn next(&mut self) -> Result<PeerEvent> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            match self.watching.next().await? {
                WatchEvent::Put(named) => self.meet(named),
                WatchEvent::Delete { name } => self.miss(&name),
                WatchEvent::Snapshot(state) | WatchEvent::Resync(state) => {
                    let names: Vec<Bytes> = self.present.keys().cloned().collect();
                    for name in names {
                        if !state.iter().any(|named| named.name == name) {
                            self.miss(&name);
                        }
                    }
                    state.into_iter().for_each(|named| self.meet(named));
                }
            }
        }
    }

    fn meet(&mut self, named: NamedEntry) {
        let Some(stay) = Stay::decode(&named.entry.value) else {
            return;
        };
        let known = self.present.get(&named.name);
        if known.is_some_and(|(nonce, _)| *nonce == stay.nonce) && stay.is_present() {
            return;
        }
        // A mark of the same stay, or another stay: the one that was known left, or was gone unnoticed.
        if let Some((nonce, id)) = self.present.remove(&named.name) {
            self.events.push_back(if nonce == stay.nonce {
                PeerEvent::Left(id)
            } else {
                PeerEvent::Unreachable(id)
            });
        }
        if stay.is_present() {
            self.present
                .insert(named.name, (stay.nonce, stay.info.id.clone()));
            self.events.push_back(PeerEvent::Joined(stay.info));
        }
    }

    fn miss(&mut self, name: &Bytes) {
        if let Some((_, id)) = self.present.remove(name) {
            self.events.push_back(PeerEvent::Unreachable(id));
        }
    }
}

/// One stay of a peer, as it is stored.
struct Stay {
    nonce: u128,
    state: State,
    info: PeerInfo,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Present = 1,
    Left = 2,
}

impl Stay {
    fn is_present(&self) -> bool {
        self.state == State::Present
    }

    fn name(&self) -> Vec<u8> {
        let id = &self.info.id;
        let length = u32::try_from(id.node.len()).unwrap_or(u32::MAX).to_be_bytes();
        [&length[..], id.node.as_bytes(), id.boot.as_bytes()].concat()
    }

    fn encode(&self) -> Vec<u8> {
        let id = &self.info.id;
        let mut bytes = vec![self.state as u8];
        bytes.extend(self.nonce.to_be_bytes());
        for part in [&id.node, &id.boot] {
            bytes.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        bytes.extend(&self.info.details[..]);
        bytes
    }

    fn decode(bytes: &Bytes) -> Option<Self> {
        let state = match bytes.first()? {
            1 => State::Present,
            2 => State::Left,
            _ => return None,
        };
        let nonce = u128::from_be_bytes(bytes.get(1..17)?.try_into().ok()?);
        let (node, rest) = text(bytes.get(17..)?)?;
        let (boot, details) = text(rest)?;
        let details = bytes.slice_ref(details);
        Some(Self {
            nonce,
            state,
            info: PeerInfo {
                id: PeerId { node, boot },
                details,
            },
        })
    }
}

fn text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = bytes.split_at_checked(4)?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    let (text, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((std::str::from_utf8(text).ok()?.to_owned(), rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_stay_is_read_back_as_it_was_written() {
        let stay = Stay {
            nonce: 7,
            state: State::Left,
            info: PeerInfo {
                id: PeerId {
                    node: "nöde".to_owned(),
                    boot: String::new(),
                },
                details: Bytes::from_static(b"\0details"),
            },
        };
        let bytes = Bytes::from(stay.encode());
        let read = Stay::decode(&bytes).unwrap();
        assert_eq!((read.nonce, &read.info), (7, &stay.info));
        assert!(!read.is_present());
        for cut in 0..17 + 4 + 5 + 4 {
            assert!(Stay::decode(&bytes.slice(..cut)).is_none(), "{cut}");
        }
    }
}
