//! Sending notes and requests.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mcpg_cluster::{Error, Expect, Key, Moment};
use mcpg_metrics::table::MAILBOX_REQUESTS;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::debug;

use super::handle::Mailbox;
use super::names::{self, MailKind};
use super::note::Note;
use super::reply::{Reply, ReplyState};
use super::request_mail::{RequestMail, RequestState};
use crate::node_topic::{Content, WakeUp};
use crate::owner::BootId;
use crate::store::{Stored, WriteError};

/// The largest note that is sent along with its wake-up; messages of some backends are small.
const LARGEST_CONTENT: usize = 4096;

/// Why a request has no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Undelivered {
    /// It surely was not executed and never will be.
    Refused,
    /// It may have been executed, or may still be.
    OutcomeUnknown,
    /// The coordinator cannot be reached: it was not sent.
    Unavailable(Error),
    /// It cannot be written, for instance because it is too large: it was not sent.
    Broken(String),
}

impl std::fmt::Display for Undelivered {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused => formatter.write_str("the replica did not take the request: it was not executed"),
            Self::OutcomeUnknown => {
                formatter.write_str("the request was sent and nobody knows whether it was executed")
            }
            Self::Unavailable(error) => {
                write!(
                    formatter,
                    "the request could not be sent to another replica: {error}"
                )
            }
            Self::Broken(why) => write!(
                formatter,
                "the request to another replica cannot be written: {why}"
            ),
        }
    }
}

impl std::error::Error for Undelivered {}

impl<R> From<WriteError<R>> for Undelivered {
    /// What the error means while nothing was sent that could be executed.
    fn from(error: WriteError<R>) -> Self {
        match error {
            WriteError::Unavailable(error) | WriteError::Indeterminate(error) => Self::Unavailable(error),
            WriteError::Format(error) => Self::Broken(error.to_string()),
            WriteError::Refused(error) => Self::Broken(error.to_string()),
            WriteError::Conflict(_) => Self::Broken("its name is in use".to_owned()),
        }
    }
}

/// A request under way.
struct Asked<'a> {
    mailbox: &'a Mailbox,
    mail: Key,
    reply: Key,
    content: RequestMail,
    /// When the mail was sent first.
    sent: Moment,
    /// Whether the mail is known to have stood.
    stood: bool,
    waiter: Waiter<'a>,
}

/// The entry of a reply that is waited for; it goes with the request.
struct Waiter<'a> {
    mailbox: &'a Mailbox,
    name: String,
    woken: Arc<Notify>,
}

impl<'a> Waiter<'a> {
    fn new(mailbox: &'a Mailbox) -> Self {
        let (name, woken) = (MailKind::Reply.draw(), Arc::<Notify>::default());
        mailbox.waiting.lock().insert(name.clone(), Arc::clone(&woken));
        Self { mailbox, name, woken }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.mailbox.waiting.lock().remove(&self.name);
    }
}

impl Mailbox {
    /// Tells a replica to look at a key that was changed for it: two operations, and nothing to undo.
    ///
    /// When this returned, the replica looks: at once, or at its next list where the wake-up is lost.
    ///
    /// # Errors
    /// The coordinator's: the replica may not be told. Whoever gets the request repeated wakes it again.
    pub async fn wake(&self, boot: &BootId, note: &Note) -> mcpg_cluster::Result<()> {
        let name = MailKind::Note.draw();
        let value = note
            .encode()
            .map_err(|error| Error::new(mcpg_cluster::ErrorKind::Internal, error.to_string()))?;
        let ttl = self.life(Duration::ZERO);
        let content = value.clone();
        let version = self
            .writer
            .create_unique(&names::key(boot, &name), value, ttl)
            .await?;
        // A note never changes, so whoever is woken with it need not read it.
        let content = (content.len() <= LARGEST_CONTENT)
            .then(|| String::from_utf8(content.into()).ok())
            .flatten()
            .map(|value| Content {
                version: version.get(),
                value,
            });
        self.publish(boot, &WakeUp::Mail { name, content }).await;
        Ok(())
    }

    /// Asks a replica to execute something and waits for the answer for `patience`.
    ///
    /// Dropping the future takes nothing back: the request may be executed.
    ///
    /// # Errors
    /// [`Undelivered`], each of which says whether it may have been executed.
    pub async fn request(
        &self,
        to: &BootId,
        kind: &str,
        body: Bytes,
        patience: Duration,
    ) -> Result<Bytes, Undelivered> {
        let never = std::future::pending();
        self.request_unless(to, kind, body, patience, never).await
    }

    /// The same, but the patience is also over when `lost` resolves: for instance when the other replica is dead, whose
    /// mail nobody but its asker and the sweeper will ever touch.
    ///
    /// # Errors
    /// [`Undelivered`], each of which says whether it may have been executed.
    pub async fn request_unless(
        &self,
        to: &BootId,
        kind: &str,
        body: Bytes,
        patience: Duration,
        lost: impl Future<Output = ()>,
    ) -> Result<Bytes, Undelivered> {
        let answer = self.deliver(to, kind, body, patience, lost).await;
        MAILBOX_REQUESTS.count(&[match &answer {
            Ok(_) => "answered",
            Err(Undelivered::Refused) => "not_started",
            Err(Undelivered::OutcomeUnknown) => "unknown",
            Err(Undelivered::Unavailable(_) | Undelivered::Broken(_)) => "unavailable",
        }]);
        answer
    }

    async fn deliver(
        &self,
        to: &BootId,
        kind: &str,
        body: Bytes,
        patience: Duration,
        lost: impl Future<Output = ()>,
    ) -> Result<Bytes, Undelivered> {
        let deadline = Instant::now() + patience;
        let waiter = Waiter::new(self);
        let reply = names::key(&self.config.boot, &waiter.name);
        let ttl = self.life(patience);
        self.writer
            .write(&reply, Reply::waiting(), Expect::Absent, Some(ttl))
            .await?;
        let name = MailKind::Request.draw();
        let from = self.config.boot.clone();
        let mut asked = Asked {
            mailbox: self,
            mail: names::key(to, &name),
            reply,
            content: RequestMail::new(from, waiter.name.clone(), kind, body, ttl),
            sent: self.clock.now(),
            stood: false,
            waiter,
        };
        let answer = match asked.send().await {
            Ok(()) => {
                self.publish(to, &WakeUp::mail(name)).await;
                asked.wait(deadline, lost).await
            }
            Err(error) => Err(error),
        };
        asked.remove_reply().await;
        answer
    }
}

impl Asked<'_> {
    /// Writes the mail. A write of unknown outcome is waited for like a confirmed one: it may be executed already.
    async fn send(&mut self) -> Result<(), Undelivered> {
        let (content, ttl) = (self.content.clone(), Some(self.content.ttl));
        let writer = &self.mailbox.writer;
        match writer.write(&self.mail, content, Expect::Absent, ttl).await {
            Ok(_) => {
                self.stood = true;
                Ok(())
            }
            Err(WriteError::Indeterminate(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn wait(
        &mut self,
        deadline: Instant,
        lost: impl Future<Output = ()>,
    ) -> Result<Bytes, Undelivered> {
        let mut lost = pin!(lost);
        loop {
            tokio::select! {
                biased;
                () = self.waiter.woken.notified() => {}
                () = &mut lost => break,
                () = tokio::time::sleep_until(deadline) => break,
            }
            if let Some(answer) = self.read_reply().await {
                return answer;
            }
        }
        if let Some(answer) = self.read_reply().await {
            return answer;
        }
        self.give_up().await
    }

    /// The reply where there is one. A failed read is no reply: the next wake-up, list or the end reads again.
    async fn read_reply(&self) -> Option<Result<Bytes, Undelivered>> {
        let Ok(Some(stored)) = self.mailbox.writer.read::<Reply>(&self.reply).await else {
            return None;
        };
        match stored.record.state {
            ReplyState::Waiting => None,
            ReplyState::Answered => Some(Ok(stored.record.body)),
            ReplyState::Refused => Some(Err(Undelivered::Refused)),
            ReplyState::Unknown => Some(Err(Undelivered::OutcomeUnknown)),
        }
    }

    /// Refuses the request itself, so that it surely is not executed, or finds that it is too late for that.
    async fn give_up(&mut self) -> Result<Bytes, Undelivered> {
        let writer = &self.mailbox.writer;
        let Ok(mut stored) = writer.read::<RequestMail>(&self.mail).await else {
            return Err(Undelivered::OutcomeUnknown);
        };
        // New becomes refused or taken, absent becomes one of the three: three rounds always suffice.
        for _ in 0..3 {
            let (next, expect) = match stored {
                // It stood and is gone: the coordinator lost it, or it expired, and nobody knows what it was.
                None if self.stood => return Err(Undelivered::OutcomeUnknown),
                None => (self.content.clone(), Expect::Absent),
                Some(Stored { record, version }) => match record.state {
                    RequestState::New => (record, Expect::Version(version)),
                    RequestState::Refused => return Err(Undelivered::Refused),
                    RequestState::Taken => {
                        // The answer may have come since.
                        let answer = self.read_reply().await;
                        return answer.unwrap_or(Err(Undelivered::OutcomeUnknown));
                    }
                },
            };
            let refused = next.in_state(RequestState::Refused);
            let ttl = Some(self.content.ttl);
            match writer.write(&self.mail, refused, expect, ttl).await {
                Ok(_) if expect == Expect::Absent && self.may_have_expired() => {
                    return Err(Undelivered::OutcomeUnknown);
                }
                Ok(_) => return Err(Undelivered::Refused),
                Err(WriteError::Conflict(other)) => {
                    self.stood |= other.is_some();
                    stored = other;
                }
                Err(_) => return Err(Undelivered::OutcomeUnknown),
            }
        }
        Err(Undelivered::OutcomeUnknown)
    }

    /// Whether a mail that was applied at once could be gone by now. Clocks may differ by a tenth and more.
    fn may_have_expired(&self) -> bool {
        let elapsed = self.mailbox.clock.now().saturating_since(self.sent);
        elapsed > self.content.ttl / 2
    }

    async fn remove_reply(&self) {
        // Only this replica reads it, and who writes it later finds it gone, which says that nobody waits.
        if let Err(error) = self.mailbox.key_value.delete(&self.reply, Expect::Any).await {
            debug!(message = "A reply is left to expire.", key = %self.reply, %error);
        }
    }
}
