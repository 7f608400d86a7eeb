//! What an upstream says in a client's own session outside of any call, and the answers that it gets.

use std::sync::Arc;
use std::time::Duration;

use mcpg_capabilities::calls::{QuestionAnswer, Version};
use mcpg_capabilities::delivery::get::{Appended, Batch, Claimant, Said, UpstreamPlace};
use mcpg_capabilities::sessions::{SessionError, SessionId, SessionRecord};
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::id::RequestId;
use mcpg_mcp::version::Era;
use mcpg_mcp::write;
use mcpg_metrics::table::MESSAGES_LOST;
use serde_json::value::RawValue;
use tokio::time::sleep;
use tracing::{debug, warn};

use super::super::core::Router;
use super::super::drive::{LogFilter, answers};
use super::claims::{Reader, Stopped};
use crate::upstream::{Heard, Opened, Session, SessionStream, Unrelated, Upstream, pong};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The pauses before a stream is opened again.
const FIRST_REOPEN: Duration = Duration::from_millis(250);
const LONGEST_REOPEN: Duration = Duration::from_secs(10);

/// One claim while it lasts.
pub(super) struct Reading<'a> {
    pub(super) router: &'a Arc<Router>,
    pub(super) at: usize,
    pub(super) session: &'a SessionId,
    pub(super) upstream_session: &'a Session,
    pub(super) claimant: &'a Claimant,
    pub(super) claimed: Version,
}

impl Reading<'_> {
    /// Reads from `place` on, and passes answers on meanwhile.
    pub(super) async fn run(&self, place: Option<String>, reader: &Reader) -> Stopped {
        tokio::select! {
            stopped = self.read(place) => stopped,
            stopped = self.forward_answers(reader) => stopped,
            stopped = self.keep() => stopped,
        }
    }

    async fn read(&self, mut place: Option<String>) -> Stopped {
        let mut pause = FIRST_REOPEN;
        let mut has_place = place.is_some();
        let mut refused = None;
        loop {
            let opened = self
                .upstream()
                .open_session_stream(self.upstream_session, place.as_deref())
                .await;
            let mut retry = None;
            match opened {
                Opened::Stream(stream) => {
                    drop(refused.take());
                    let before = place.clone();
                    let stopped = self.follow(stream, &mut place, &mut has_place, &mut retry).await;
                    if let Some(stopped) = stopped {
                        return stopped;
                    }
                    if place != before {
                        pause = FIRST_REOPEN;
                    }
                }
                // Shown until it is opened; each try tells it again in the log.
                Opened::Conflict => refused = Some(self.upstream().stream_refused()),
                Opened::Failed(cause) => {
                    debug!(message = "The stream of an upstream session could not be opened.", upstream = self.upstream().name(), %cause);
                }
                // Whoever opens the session anew reads its stream.
                Opened::SessionGone | Opened::Never => return Stopped::Never,
            }
            sleep(pause.max(retry.unwrap_or_default())).await;
            pause = (pause * 2).min(LONGEST_REOPEN);
        }
    }

    /// Reads one stream to its end. `None`: it may be opened again.
    async fn follow(
        &self,
        mut stream: SessionStream,
        place: &mut Option<String>,
        has_place: &mut bool,
        retry: &mut Option<Duration>,
    ) -> Option<Stopped> {
        while let Some(heard) = stream.next(self.upstream()).await {
            *retry = heard.retry.or(*retry);
            let id = heard.id.clone();
            if let Some(stopped) = self.take(heard, has_place).await {
                return Some(stopped);
            }
            if id.is_some() {
                *place = id;
            }
        }
        None
    }

    /// Appends what an event brought. The place is written without any message only once: from then on, a successor has
    /// something to go on from.
    async fn take(&self, heard: Heard, has_place: &mut bool) -> Option<Stopped> {
        let mut said = Vec::new();
        let record = if heard.said.is_empty() {
            None
        } else {
            match self.router.sessions.current(self.session).await {
                Ok(record) => Some(record),
                Err(SessionError::Unknown) => return Some(Stopped::Closed),
                Err(_) => None,
            }
        };
        for unrelated in heard.said {
            said.extend(self.to_say(unrelated, record.as_deref()).await);
        }
        let is_new_place = heard.id.is_some() && !*has_place;
        if said.is_empty() && !is_new_place {
            return None;
        }
        *has_place |= heard.id.is_some();
        self.append(said, heard.id).await
    }

    /// What the client is to be told, if anything.
    async fn to_say(&self, unrelated: Unrelated, record: Option<&SessionRecord>) -> Option<Said> {
        match unrelated {
            Unrelated::Notification { method, params } => {
                let level = record.and_then(|record| record.log_level.as_deref());
                if LogFilter::of(level, Era::Legacy).hides(&method, params.as_deref()) {
                    return None;
                }
                let message = write::notification(&method, params.as_deref());
                let text = String::from_utf8(message.to_vec()).ok()?;
                RawValue::from_string(text).ok().map(Said::Message)
            }
            Unrelated::Question { id, method, params } => {
                let may_ask = record.is_none_or(|record| answers(&record.capabilities, &method));
                if method == "ping" {
                    self.answer(pong(&id)).await;
                } else if may_ask {
                    let id = RawValue::from_string(id.as_json().to_owned()).ok()?;
                    return Some(Said::Question { id, method, params });
                } else {
                    let refusal = ErrorObject::method_not_found(&method);
                    self.answer(write::error(Some(&id), &refusal)).await;
                }
                None
            }
            Unrelated::Withdrawn { id } => {
                if let Ok(id) = RawValue::from_string(id.as_json().to_owned()) {
                    let (streams, name) = (&self.router.gets.streams, self.name());
                    let withdrawn = streams.withdraw(self.session.name(), name, &id, self.claimant);
                    if let Err(error) = withdrawn.await {
                        debug!(message = "A question that was taken back stays open.", %error);
                    }
                }
                None
            }
        }
    }

    async fn append(&self, said: Vec<Said>, event: Option<String>) -> Option<Stopped> {
        let asked: Vec<Box<RawValue>> = said.iter().filter_map(asked).collect();
        let place = UpstreamPlace {
            upstream: self.name().to_owned(),
            claimant: self.claimant.clone(),
            claimed: self.claimed,
            event,
        };
        let mut batch = Batch::new(said, Some(place));
        let mut pause = FIRST_PAUSE;
        loop {
            match self.router.gets.streams.append(self.session, &mut batch).await {
                Ok(Appended::Done { version, wake, lost }) => {
                    self.tell_of_loss(lost);
                    self.router
                        .wake_holders(self.session.name(), &wake, version)
                        .await;
                    return None;
                }
                Ok(Appended::NotClaimant) => return Some(Stopped::Theirs),
                Ok(Appended::Closed) => return Some(Stopped::Closed),
                Ok(Appended::TooManyQuestions) => {
                    let refusal = ErrorObject::overloaded("too many open questions");
                    for id in &asked {
                        if let Ok(id) = RequestId::from_raw(id) {
                            self.answer(write::error(Some(&id), &refusal)).await;
                        }
                    }
                    return None;
                }
                Ok(Appended::Undecided) => {
                    warn!(message = "Nobody knows whether a message of an upstream was kept.", session = %self.session, upstream = self.name());
                    return None;
                }
                Err(error) => {
                    debug!(message = "A message of an upstream could not be kept yet.", %error);
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn tell_of_loss(&self, lost: u64) {
        if lost > 0 {
            MESSAGES_LOST.counter(&[]).increment(lost);
            if self.router.gets.warn_of_loss(self.session.name()) {
                warn!(
                    message = "Messages of a session are dropped because nobody reads them; its next stream is told how many.",
                    session = %self.session,
                    upstream = self.name()
                );
            }
        }
    }

    /// Passes on what clients answered, at any replica.
    async fn forward_answers(&self, reader: &Reader) -> Stopped {
        let mut pause = FIRST_PAUSE;
        // What came while nobody held the stream.
        reader.look.notify_one();
        loop {
            reader.look.notified().await;
            let (streams, name) = (&self.router.gets.streams, self.name());
            let taken = streams.take_answers(self.session.name(), name, self.claimant);
            match taken.await {
                Ok(taken) => {
                    pause = FIRST_PAUSE;
                    for answer in taken {
                        if let Ok(id) = RequestId::from_raw(&answer.question) {
                            self.answer(match &answer.answer {
                                QuestionAnswer::Result(result) => write::result(&id, result),
                                QuestionAnswer::Error(error) => write::raw_error(&id, error),
                            })
                            .await;
                        }
                    }
                }
                Err(error) => {
                    debug!(message = "Answers to an upstream could not be taken yet.", %error);
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    reader.look.notify_one();
                }
            }
        }
    }

    /// Keeps the claim for as long as the session lives, which it does not keep alive by that.
    async fn keep(&self) -> Stopped {
        let keep_every = self.router.gets.keep_every();
        let mut pause = keep_every;
        loop {
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(keep_every);
            match self.router.sessions.current(self.session).await {
                Err(SessionError::Unknown) => {
                    self.router.gets.close(self.session.name()).await;
                    return Stopped::Closed;
                }
                Err(_) => continue,
                Ok(_) => {}
            }
            let streams = &self.router.gets.streams;
            let kept = streams.keep_claim(self.session.name(), self.name(), self.claimant, self.claimed);
            match kept.await {
                Ok(true) => pause = keep_every,
                Ok(false) => return Stopped::Again,
                Err(error) => debug!(message = "A claim could not be kept yet.", %error),
            }
        }
    }

    async fn answer(&self, message: bytes::Bytes) {
        let answered = self.upstream().answer_in(self.upstream_session, message);
        if let Err(error) = answered.await {
            debug!(message = "An upstream did not take an answer.", upstream = self.name(), %error);
        }
    }

    fn upstream(&self) -> &Upstream {
        &self.router.members[self.at].1
    }

    fn name(&self) -> &str {
        &self.router.members[self.at].0.name
    }
}

fn asked(said: &Said) -> Option<Box<RawValue>> {
    match said {
        Said::Question { id, .. } => Some(id.clone()),
        Said::Message(_) => None,
    }
}
