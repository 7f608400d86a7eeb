//! Holding one GET stream: attached, then sent what its log holds, until one side ends it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use mcpg_capabilities::delivery::get::{Attach, GetError, Holder, Look};
use mcpg_capabilities::replica::Validity;
use mcpg_capabilities::sessions::SessionError;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, warn};

use super::super::core::Router;
use super::held::HeldStream;

/// The pauses while the coordinator cannot be reached.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// As whom a stream is held, and by which lease.
type Held = (Holder, Validity);

/// Why a stream ended here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client is gone or too slow.
    ClientGone,
    /// The client has come back elsewhere.
    Displaced,
    /// Its session was closed, or is gone.
    SessionClosed,
    /// This replica lost the lease with which it held the stream.
    LeaseLost,
    /// The session has as many streams as it may have.
    TooMany,
    /// This replica is stopping.
    Draining,
}

impl Router {
    /// Holds a stream until it ends. The client has been sent the id of the place where it stands.
    pub(super) async fn hold(self: Arc<Self>, stream: Arc<HeldStream>) {
        let (end, held) = self.hold_to_the_end(&stream).await;
        debug!(message = "A GET stream ended.", session = %stream.session().id, ?end);
        if end == End::Draining {
            // Who comes back at once finds another replica.
            let _ = stream.prime(super::retry_ms());
        }
        self.gets.held.remove(&stream);
        if end != End::Draining {
            stream.frames.cut();
        }
        // An attempt to attach it may have been made without anybody knowing.
        if let Some((holder, lease)) = held
            && matches!(end, End::ClientGone | End::Draining | End::TooMany)
        {
            tokio::select! {
                biased;
                // From then on nobody takes it for held any more.
                () = lease.lost() => {}
                () = self.stop.cancelled() => {}
                () = self.detach(&stream, &holder) => {}
            }
        }
    }

    async fn hold_to_the_end(self: &Arc<Self>, stream: &Arc<HeldStream>) -> (End, Option<Held>) {
        let mut held = None;
        let end = {
            let mut work = pin!(self.attach_and_follow(stream, &mut held));
            tokio::select! {
                biased;
                () = stream.closed.cancelled() => End::SessionClosed,
                () = self.gets.draining.cancelled() => End::Draining,
                () = stream.frames.closed() => End::ClientGone,
                end = &mut work => end,
            }
        };
        (end, held)
    }

    async fn attach_and_follow(self: &Arc<Self>, stream: &Arc<HeldStream>, held: &mut Option<Held>) -> End {
        let mut pause = FIRST_PAUSE;
        loop {
            // Whatever is held is held with this lease and no other.
            let Some((owner, lease)) = self.heads.replica.hold() else {
                sleep(FIRST_PAUSE).await;
                continue;
            };
            let holder = Holder::fresh(owner, self.heads.replica.boot().clone());
            *held = Some((holder.clone(), lease.clone()));
            let work = async {
                let end = self.attach(stream, &holder, &mut pause).await;
                match end {
                    Some(end) => Some(end),
                    None => self.follow(stream, &holder).await,
                }
            };
            let end = tokio::select! {
                biased;
                () = lease.lost() => Some(End::LeaseLost),
                end = work => end,
            };
            match end {
                Some(end) => return end,
                // The record expired or was lost: the session decides whether there is to be another one.
                None => match self.sessions.admit_again(stream.session().id.clone()).await {
                    Err(SessionError::Unknown) => return End::SessionClosed,
                    _ => sleep(FIRST_PAUSE).await,
                },
            }
        }
    }

    /// Makes the connection the holder of the stream, however long that takes. `None`: it is attached.
    async fn attach(
        self: &Arc<Self>,
        stream: &Arc<HeldStream>,
        holder: &Holder,
        pause: &mut Duration,
    ) -> Option<End> {
        let name = stream.session().id.name();
        loop {
            let attach = self
                .gets
                .streams
                .attach(name, stream.id(), stream.sequence(), holder);
            match attach.await {
                Ok(Attach::Attached { seen, wake }) => {
                    let version = seen.version;
                    if stream.show(&seen).is_err() {
                        return Some(End::ClientGone);
                    }
                    let router = Arc::clone(self);
                    let of = name.to_owned();
                    self.tasks
                        .spawn(async move { router.wake_holders(&of, &wake, version).await });
                    *pause = FIRST_PAUSE;
                    // Who opens something under a session and finds it closed closes it himself.
                    let session = &stream.session().id;
                    if let Err(SessionError::Unknown) = self.sessions.current(session).await {
                        self.gets.close(name).await;
                        return Some(End::SessionClosed);
                    }
                    self.gets.held.greet(stream);
                    return None;
                }
                Ok(Attach::TooMany) => return Some(End::TooMany),
                Ok(Attach::Closed) => return Some(End::SessionClosed),
                Ok(Attach::Stale) => {}
                Err(error) => tell("A GET stream could not be attached yet.", stream, &error),
            }
            sleep(*pause).await;
            *pause = (*pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Sends what comes. `None`: the record knows nothing of the stream.
    async fn follow(self: &Arc<Self>, stream: &Arc<HeldStream>, holder: &Holder) -> Option<End> {
        let keep_every = self.gets.keep_every();
        let mut keep_at = Instant::now() + keep_every;
        let mut pause = FIRST_PAUSE;
        loop {
            let keeps = tokio::select! {
                biased;
                () = stream.look.notified() => false,
                () = sleep_until(keep_at) => true,
            };
            if keeps {
                // A session with an open stream is in use.
                match self.sessions.admit_again(stream.session().id.clone()).await {
                    Err(SessionError::Unknown) => return Some(End::SessionClosed),
                    Err(error) => debug!(message = "A session could not be kept yet.", %error),
                    Ok(_) => {}
                }
            }
            match self.look(stream, holder, keeps).await {
                Ok(Look::Attached(seen)) => {
                    let Ok(_) = stream.show(&seen) else {
                        return Some(End::ClientGone);
                    };
                    // Somebody may have changed what the session wants to hear of: only the note tells.
                    self.gets.held.greet(stream);
                    pause = FIRST_PAUSE;
                    if keeps {
                        keep_at = Instant::now() + keep_every;
                    }
                    continue;
                }
                Ok(Look::Displaced) => return Some(End::Displaced),
                Ok(Look::Closed) => return Some(End::SessionClosed),
                Ok(Look::Gone) => {
                    stream.is_not_attached();
                    return None;
                }
                Ok(Look::Stale) => {}
                Err(error) => tell("A GET stream could not be looked at yet.", stream, &error),
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            stream.look.notify_one();
        }
    }

    async fn look(&self, stream: &HeldStream, holder: &Holder, keeps: bool) -> Result<Look, GetError> {
        let (name, id) = (stream.session().id.name(), stream.id());
        let (after, at_least) = (stream.sequence(), stream.at_least());
        let streams = &self.gets.streams;
        if keeps {
            streams.keep(name, id, holder, after, at_least).await
        } else {
            streams.look(name, id, holder, after, at_least).await
        }
    }

    /// Lets go of a stream that its client has left; then another one may be the first.
    async fn detach(&self, stream: &HeldStream, holder: &Holder) {
        let name = stream.session().id.name();
        let mut pause = FIRST_PAUSE;
        loop {
            match self.gets.streams.detach(name, stream.id(), holder).await {
                Ok(Some((version, wake))) => return self.wake_holders(name, &wake, version).await,
                Ok(None) => return,
                Err(error) => tell("A GET stream could not be let go of yet.", stream, &error),
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

fn tell(what: &'static str, stream: &HeldStream, error: &GetError) {
    let session = &stream.session().id;
    match error {
        GetError::Broken(_) => warn!(message = what, %session, %error),
        _ => debug!(message = what, %session, %error),
    }
}
