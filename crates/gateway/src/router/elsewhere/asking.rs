//! The side of the replica that a client has asked.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use mcpg_capabilities::mailbox::{Mailbox, Undelivered};
use mcpg_capabilities::owner::{BootId, Judge};
use mcpg_capabilities::sessions::SessionId;
use mcpg_mcp::error::ErrorObject;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use tokio_util::task::TaskTracker;
use tracing::debug;

use super::registry::Elsewhere;
use super::words::{ANSWER, AnswerMail, CALL, CANCEL, CallMail, CancelMail, Reply, Said, to_bytes};
use crate::exchange::{CallError, Caller, Outgoing};
use crate::router::core::Router;
use crate::upstream::{Home, Session, UpstreamError};

/// A call whose driver has not given up by then is given up here. Drivers do so much earlier.
const LONGEST: Duration = Duration::from_mins(10);
/// When it is looked first whether the other replica lives.
const FIRST_LOOK: Duration = Duration::from_secs(1);
/// For a piece of mail that only has to arrive.
pub(super) const SHORT: Duration = Duration::from_secs(10);

type Requested = Result<Result<Box<RawValue>, UpstreamError>, CallError>;

/// A call that was sent to another replica; dropped before its outcome, it is cancelled there.
struct Sent<'a> {
    router: &'a Router,
    owner: &'a BootId,
    call: &'a str,
    is_over: bool,
}

impl Router {
    /// Sends a request through a session whose process the replica at `home` runs.
    pub(super) async fn request_elsewhere(
        &self,
        at: usize,
        home: &Home,
        client: &SessionId,
        session: &Session,
        outgoing: &Outgoing,
        caller: &Caller,
    ) -> Requested {
        let own = self.home()?;
        let call = self.elsewhere.mint(&own.boot);
        let mut hearing = self.elsewhere.expect(&call);
        let mut sent = Sent {
            router: self,
            owner: &home.boot,
            call: &call,
            is_over: false,
        };
        let upstream = &self.members[at].0.name;
        let mail = CallMail::new(&call, own, client, upstream, session, outgoing, caller);
        let asked =
            self.mailbox
                .request_unless(&home.boot, CALL, to_bytes(&mail), LONGEST, self.death_of(home));
        let reply = match asked.await {
            Ok(reply) => serde_json::from_slice(&reply).ok(),
            Err(error) => {
                // What may have arrived after all is cancelled.
                sent.is_over = !matches!(error, Undelivered::OutcomeUnknown);
                return undelivered(error);
            }
        };
        if reply != Some(Reply::Accepted) {
            sent.is_over = true;
            return match reply {
                Some(Reply::Busy) => Err(CallError::NotStarted(
                    "the replica that runs the process of this session cannot tell at the moment whether it still may"
                        .to_owned(),
                )),
                _ => Ok(Err(UpstreamError::SessionGone)),
            };
        }
        let ended = self.hear(home, &call, &mut hearing, caller).await;
        sent.is_over = true;
        Ok(ended)
    }

    /// Takes in what is said about the call until it has ended.
    async fn hear(
        &self,
        home: &Home,
        call: &str,
        hearing: &mut tokio::sync::mpsc::Receiver<Said>,
        caller: &Caller,
    ) -> Result<Box<RawValue>, UpstreamError> {
        let mut death = pin!(self.death_of(home));
        let mut questions = FuturesUnordered::new();
        loop {
            let said = tokio::select! {
                biased;
                Some(said) = hearing.recv() => said,
                Some(()) = questions.next(), if !questions.is_empty() => continue,
                () = &mut death => {
                    let cause = "the replica that ran its process is gone".to_owned();
                    return Err(UpstreamError::Lost { cause });
                }
            };
            match said {
                Said::Notification { method, params } => caller.events.notify(method, params).await,
                Said::Question {
                    number,
                    method,
                    params,
                } => questions.push(async move {
                    let answer = caller.events.ask(method, params).await.ok();
                    let mail = AnswerMail::new(call, number, answer);
                    self.post(&home.boot, ANSWER, &mail).await;
                }),
                Said::Outcome(ended) => return ended.into(),
            }
        }
    }

    /// Resolves when the replica at `home` may be called dead.
    pub(super) async fn death_of(&self, home: &Home) {
        let period = (self.heads.replica.lease_ttl() / 3).max(FIRST_LOOK);
        // Most calls are over before it.
        let mut looks = interval_at(Instant::now() + FIRST_LOOK, period);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            // Who cannot be judged now is judged in the next round.
            if self.heads.replica.is_dead(&home.owner).await.unwrap_or(false) {
                return;
            }
        }
    }

    /// Sends a piece of mail that only has to arrive, more than once where that is not certain.
    pub(super) async fn post(&self, to: &BootId, kind: &str, mail: &impl Serialize) -> Option<Reply> {
        post(&self.mailbox, to, kind, mail).await
    }
}

async fn post(mailbox: &Mailbox, to: &BootId, kind: &str, mail: &impl Serialize) -> Option<Reply> {
    const ATTEMPTS: u32 = 3;
    let body = to_bytes(mail);
    for attempt in 1..=ATTEMPTS {
        match mailbox.request(to, kind, body.clone(), SHORT).await {
            Ok(reply) => return serde_json::from_slice(&reply).ok(),
            Err(error) => {
                debug!(message = "A word to another replica did not arrive.", %to, kind, attempt, %error);
                if matches!(error, Undelivered::Broken(_)) {
                    return None;
                }
                sleep(Duration::from_millis(200) * attempt).await;
            }
        }
    }
    None
}

/// What it means that the owner has not accepted a call.
fn undelivered(error: Undelivered) -> Requested {
    match error {
        // Surely not executed: whoever wants to may open another process.
        Undelivered::Refused => Ok(Err(UpstreamError::SessionGone)),
        Undelivered::OutcomeUnknown => Ok(Err(UpstreamError::Lost {
            cause: "the replica that runs its process does not answer".to_owned(),
        })),
        Undelivered::Unavailable(error) => Err(CallError::NotStarted(error.to_string())),
        other => Err(ErrorObject::internal_with_reason(
            "coordinator",
            format!("the process of this session runs on another replica, and {other}"),
        )
        .into()),
    }
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        self.router.elsewhere.expect_no_more(self.call);
        if self.is_over {
            return;
        }
        cancel_later(
            &self.router.tasks,
            self.router.mailbox.clone(),
            self.owner.clone(),
            self.call.to_owned(),
        );
    }
}

fn cancel_later(tasks: &TaskTracker, mailbox: Mailbox, owner: BootId, call: String) {
    // Without a runtime the whole process is on its way out.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        tasks.spawn_on(
            async move {
                post(&mailbox, &owner, CANCEL, &CancelMail { call }).await;
            },
            &runtime,
        );
    }
}

impl Elsewhere {
    /// Takes the mail that is about calls of this replica's clients.
    pub(super) fn hear_mail(&self, body: &[u8]) -> Option<Reply> {
        Some(self.take(serde_json::from_slice(body).ok()?))
    }
}
