//! Follows the stream of one call for one connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mcpg_capabilities::calls::{CallKey, CallsError, Follow, Over, Version};
use mcpg_capabilities::delivery::{EventId, Logged, Reader, StreamName};
use mcpg_capabilities::owner::{BootId, OwnerPair};
use mcpg_capabilities::sessions::{SessionError, SessionId};
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::version::ProtocolVersion;
use tokio::sync::watch;
use tokio::time::{Instant, interval_at, sleep};
use tracing::debug;

use super::client::{Client, broken, gone, trimmed};
use super::registry::{Leave, Registration, Told};
use crate::frames::{Frames, frames};
use crate::observe::{Closed, Found, OpenStream, carried};
use crate::router::core::Router;
use crate::router::drive::outcome_unknown;
use crate::router::head::{FIRST_PAUSE, LONGEST_PAUSE};
use crate::router::start::SessionRef;
use crate::router::stream::Events;

/// A head that is not seen for so long, where reads may be stale, is gone: no coordinator answers with older states.
const LONGEST_STALENESS: Duration = Duration::from_secs(30);

/// Follows the stream of one call for one connection.
struct Follower {
    router: Arc<Router>,
    registration: Registration,
    told: watch::Receiver<Told>,
    reader: Reader,
    /// The number of the last event that the client has.
    after: u64,
    /// The version of the head that was seen last; `None` before the stream was taken up.
    seen: Option<Version>,
    client: Client,
}

impl Router {
    /// Reads the id of an event that a client of this session sent.
    pub(crate) fn event_of(&self, session: &SessionRef, id: &str) -> Option<EventId> {
        EventId::verify(&self.heads.mac, &session.id, id)
    }

    /// Goes on with the stream of a call behind an event. The connection is open at once; what comes out of the frames
    /// comes when the coordinator has answered.
    pub(crate) fn resume_call(self: &Arc<Self>, session: &SessionRef, event: EventId) -> Frames {
        let (sender, frames) = frames();
        let EventId {
            stream: StreamName::Call { id, birth },
            sequence: after,
        } = event
        else {
            return frames;
        };
        // The id came with a code of this deployment, which makes none for an id that is too long.
        let Ok(key) = CallKey::new(&session.id, &id) else {
            return frames;
        };
        let client = Client {
            sender: Arc::new(sender),
            events: Events::new(&self.heads.mac, &session.id, &key, birth),
            places: session.version() == ProtocolVersion::V2025_11_25,
            id,
            is_slow: AtomicBool::new(false),
        };
        client.place(after);
        let (registration, told) = self.streams.followers.begin(key, birth, session.id.clone());
        let follower = Follower {
            router: Arc::clone(self),
            registration,
            told,
            reader: Reader::fresh(self.heads.replica.boot().clone()),
            after,
            seen: None,
            client,
        };
        self.tasks.spawn(carried(follower.run()));
        frames
    }
}

impl Follower {
    async fn run(mut self) {
        let (router, session) = (
            Arc::clone(&self.router),
            self.registration.followed.session.clone(),
        );
        let stop = router.stop.clone();
        let open = OpenStream::resumed();
        let leaving = leaving(self.told.clone());
        let keeping = keep(&router, session);
        let gone = {
            let client = Arc::clone(&self.client.sender);
            async move { client.closed().await }
        };
        let why = tokio::select! {
            biased;
            why = leaving => why,
            () = gone => Closed::ClientGone,
            () = stop.cancelled() => Closed::Stopping,
            () = keeping => Closed::NoSession,
            why = self.follow() => why,
        };
        if why == Closed::Stopping {
            self.client.place(self.after);
        }
        open.close(if self.client.is_slow.load(Ordering::Relaxed) {
            Closed::Overflow
        } else {
            why
        });
    }

    /// Reads the head whenever there is something new, until the stream is over.
    async fn follow(&mut self) -> Closed {
        let mut pause = FIRST_PAUSE;
        let mut unseen_since = None;
        loop {
            let told = *self.told.borrow_and_update();
            match self.read(told.version).await {
                Ok(Follow::Stale) if is_long(&mut unseen_since) => return self.fail(Found::Gone, &gone()),
                Ok(Follow::Stale) => {}
                Err(CallsError::Broken(why)) => return self.fail(Found::Broken, &broken(&why)),
                Err(error) => {
                    debug!(message = "The stream of a call could not be read.", %error);
                }
                Ok(followed) => {
                    let seen = match self.take(followed) {
                        Ok(seen) => seen,
                        Err(why) => return why,
                    };
                    (pause, unseen_since) = (FIRST_PAUSE, None);
                    self.seen = Some(seen);
                    if !self.news(told, seen).await {
                        return Closed::Stopping;
                    }
                    continue;
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn read(&self, at_least: Option<Version>) -> Result<Follow, CallsError> {
        let (calls, followed) = (&self.router.heads.calls, &self.registration.followed);
        let (key, birth) = (&followed.key, followed.birth);
        match self.seen {
            None => calls.take_up(key, birth, self.after, &self.reader).await,
            Some(_) => calls.follow(key, birth, self.after, &self.reader, at_least).await,
        }
    }

    /// Waits until there is something to be seen; `false` when nobody is left to tell.
    async fn news(&mut self, before: Told, seen: Version) -> bool {
        let news = self
            .told
            .wait_for(|told| told.looks > before.looks || told.version > Some(seen));
        news.await.is_ok()
    }

    /// Passes on what was seen: the version of the head where the stream goes on, or why it is over.
    fn take(&mut self, followed: Follow) -> Result<Version, Closed> {
        Err(match followed {
            Follow::Runs {
                events,
                owner,
                boot,
                version,
                former,
            } => {
                self.found(Found::Running);
                self.pass_on(events);
                let former = former.map(|former| former.boot);
                self.learn_owner(owner, boot.as_ref());
                if self.seen.is_none() {
                    self.wake([boot, former], version);
                }
                return Ok(version);
            }
            Follow::Over { events, over, last } => {
                self.pass_on(events);
                self.ends(over, last);
                Closed::Ended
            }
            Follow::Displaced => Closed::Displaced,
            Follow::Trimmed => self.fail(Found::Trimmed, &trimmed()),
            Follow::Broken => self.fail(Found::Broken, &broken("a part of it is lost")),
            Follow::Gone | Follow::Stale => self.fail(Found::Gone, &gone()),
        })
    }

    fn ends(&self, over: Over, last: u64) {
        match over {
            Over::Finished => self.found(Found::Finished),
            Over::Cancelled => self.found(Found::Cancelled),
            Over::OwnerLost => {
                self.found(Found::OwnerLost);
                self.client.ends_at(last + 1, &outcome_unknown());
            }
        }
    }

    /// Counts what was found when the stream was taken up.
    fn found(&self, found: Found) {
        if self.seen.is_none() {
            found.count();
        }
    }

    fn pass_on(&mut self, events: Vec<Logged>) {
        for Logged { sequence, message } in events {
            self.client.send(self.client.events.logged(message, sequence));
            self.after = sequence;
        }
    }

    fn learn_owner(&self, owner: Option<OwnerPair>, boot: Option<&BootId>) {
        let here = self.router.heads.replica.boot();
        *self.registration.followed.owner.lock() = owner.filter(|_| boot != Some(here));
    }

    /// Lets those who hold the client's former connections close them.
    fn wake(&self, boots: [Option<BootId>; 2], version: Version) {
        let (router, key) = (Arc::clone(&self.router), self.registration.followed.key.clone());
        self.router.tasks.spawn(carried(async move {
            for boot in boots {
                router.wake(boot, &key, version).await;
            }
        }));
    }

    fn fail(&self, found: Found, error: &ErrorObject) -> Closed {
        self.found(found);
        self.client.ends(error);
        Closed::Ended
    }
}

/// Waits until the client has to be let go of.
async fn leaving(mut told: watch::Receiver<Told>) -> Closed {
    let left = told.wait_for(|told| told.leave.is_some()).await;
    let why = left.ok().and_then(|told| told.leave);
    match why {
        Some(Leave::Closed) => Closed::NoSession,
        Some(Leave::Stopping) => Closed::Stopping,
        None => std::future::pending().await,
    }
}

/// Keeps the session in use for as long as somebody listens; ends when it is gone.
async fn keep(router: &Router, session: SessionId) {
    let every = router.heads.calls.record_ttl() / 5;
    let mut rounds = interval_at(Instant::now() + every, every);
    loop {
        rounds.tick().await;
        if let Err(SessionError::Unknown) = router.sessions.admit_again(session.clone()).await {
            return;
        }
    }
}

fn is_long(since: &mut Option<Instant>) -> bool {
    since.get_or_insert_with(Instant::now).elapsed() > LONGEST_STALENESS
}
