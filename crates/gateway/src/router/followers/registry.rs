//! The streams that are followed here.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mcpg_capabilities::calls::{Birth, CallKey, Version};
use mcpg_capabilities::owner::OwnerPair;
use mcpg_capabilities::sessions::SessionId;
use parking_lot::Mutex;
use tokio::sync::watch;

/// The streams that are followed here, by the calls that they belong to.
#[derive(Debug, Default)]
pub(in crate::router) struct Followers {
    followed: Mutex<HashMap<CallKey, Vec<Arc<Followed>>>>,
    /// Whether whoever comes from now on has to go on elsewhere too.
    is_stopping: AtomicBool,
}

/// One stream that is followed by one connection.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) key: CallKey,
    pub(super) birth: Birth,
    pub(super) session: SessionId,
    pub(super) told: watch::Sender<Told>,
    /// Who runs the call, as far as it was seen.
    pub(super) owner: Mutex<Option<OwnerPair>>,
}

/// What a follower was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Grows with each look that is wanted whatever was seen before.
    pub(super) looks: u64,
    /// The newest version of the head that is known to stand.
    pub(super) version: Option<Version>,
    pub(super) leave: Option<Leave>,
}

/// Why a follower has to let go of its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// The session is closed.
    Closed,
    /// This replica stops: the client goes on elsewhere.
    Stopping,
}

/// Takes a stream out of the registry when it is followed no more.
#[derive(Debug)]
pub(super) struct Registration {
    followers: Arc<Followers>,
    pub(super) followed: Arc<Followed>,
}

impl Followers {
    pub(super) fn begin(
        self: &Arc<Self>,
        key: CallKey,
        birth: Birth,
        session: SessionId,
    ) -> (Registration, watch::Receiver<Told>) {
        let (told, hear) = watch::channel(Told::default());
        let followed = Arc::new(Followed {
            key: key.clone(),
            birth,
            session,
            told,
            owner: Mutex::default(),
        });
        let mut all = self.followed.lock();
        all.entry(key).or_default().push(Arc::clone(&followed));
        drop(all);
        if self.is_stopping.load(Ordering::SeqCst) {
            followed.leave(Leave::Stopping);
        }
        let followers = Arc::clone(self);
        (Registration { followers, followed }, hear)
    }

    /// Lets whoever follows a call here look at its head, which has this version if that is known.
    pub(in crate::router) fn look(&self, call: &CallKey, version: Option<Version>) {
        let all = self.followed.lock();
        for followed in all.get(call).into_iter().flatten() {
            followed.look(version);
        }
    }

    /// Lets every follower look.
    pub(in crate::router) fn look_all(&self) {
        self.all().iter().for_each(|followed| followed.look(None));
    }

    /// Lets go of the clients of a session that was closed.
    pub(in crate::router) fn close_session(&self, session: &str) {
        let all = self.all();
        let of_session = all.iter().filter(|followed| followed.session.name() == session);
        of_session.for_each(|followed| followed.leave(Leave::Closed));
    }

    /// Lets all clients go on elsewhere.
    pub(in crate::router) fn let_go(&self) {
        self.all()
            .iter()
            .for_each(|followed| followed.leave(Leave::Stopping));
    }

    /// The same, and all that come from now on.
    pub(in crate::router) fn stop(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        self.let_go();
    }

    /// The sessions whose streams are followed here.
    pub(in crate::router) fn sessions(&self) -> Vec<SessionId> {
        self.all()
            .iter()
            .map(|followed| followed.session.clone())
            .collect()
    }

    pub(super) fn all(&self) -> Vec<Arc<Followed>> {
        self.followed.lock().values().flatten().cloned().collect()
    }
}

impl Followed {
    pub(super) fn look(&self, version: Option<Version>) {
        self.told.send_modify(|told| match version {
            Some(_) => told.version = told.version.max(version),
            None => told.looks += 1,
        });
    }

    fn leave(&self, why: Leave) {
        self.told
            .send_modify(|told| told.leave = told.leave.or(Some(why)));
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut all = self.followers.followed.lock();
        if let Some(followers) = all.get_mut(&self.followed.key) {
            followers.retain(|other| !Arc::ptr_eq(other, &self.followed));
            if followers.is_empty() {
                all.remove(&self.followed.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::router::testing::TestReplica;

    #[tokio::test(start_paused = true)]
    async fn an_21_whoever_comes_while_the_replica_stops_is_let_go_too() {
        let replica = TestReplica::start().await;
        let followers = &replica.streams.followers;
        let birth = replica.open_call("1").await.birth();
        let begin = || followers.begin(replica.key("1"), birth, replica.session.clone());
        let (_early, heard) = begin();
        assert_eq!(heard.borrow().leave, None);
        followers.let_go();
        assert_eq!(heard.borrow().leave, Some(Leave::Stopping));
        let (_later, heard) = begin();
        assert_eq!(heard.borrow().leave, None, "it still serves");
        followers.stop();
        assert_eq!(heard.borrow().leave, Some(Leave::Stopping));
        let (_late, heard) = begin();
        assert_eq!(heard.borrow().leave, Some(Leave::Stopping));
    }

    #[tokio::test(start_paused = true)]
    async fn s4_the_end_of_a_session_ends_what_is_followed_of_it_and_nothing_else() {
        let replica = TestReplica::start().await;
        let followers = &replica.streams.followers;
        let birth = replica.open_call("1").await.birth();
        let (registration, heard) = followers.begin(replica.key("1"), birth, replica.session.clone());
        followers.close_session("another");
        assert_eq!(heard.borrow().leave, None);
        followers.close_session(replica.session.name());
        assert_eq!(heard.borrow().leave, Some(Leave::Closed));
        drop(registration);
        assert!(followers.all().is_empty());
    }
}
