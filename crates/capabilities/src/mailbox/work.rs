//! What is done with one piece of mail.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use mcpg_cluster::{Entry, Error, ErrorKind, Expect, Key};
use tokio::time::Instant;
use tracing::{debug, error, warn};

use super::handle::Mailbox;
use super::handler::{Handled, MailHandler};
use super::names;
use super::note::Note;
use super::reply::ReplyState;
use super::request_mail::{RequestMail, RequestState};
use crate::store::{FormatError, Record, Stored, WriteError};
use crate::weakness::{self, Weakness};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// After this time a look counts as failed: looks that hang must not use up all the room for ever.
const LONGEST_LOOK: Duration = Duration::from_secs(10);

impl Mailbox {
    /// Looks at what a note points to, and removes the note then.
    pub(super) async fn take_note(
        &self,
        name: &str,
        entry: Option<Entry>,
        handler: &dyn MailHandler,
    ) -> mcpg_cluster::Result<()> {
        let key = names::key(&self.config.boot, name);
        let Some(entry) = self.entry(&key, entry).await? else {
            return Ok(());
        };
        match Note::decode(&entry.value) {
            Ok(note) => {
                let look = tokio::time::timeout(LONGEST_LOOK, handler.look(&note)).await;
                if !matches!(look, Ok(Ok(()))) {
                    debug!(message = "A look at a note has to be repeated.", at = %note.at);
                    return Ok(());
                }
            }
            // A release too far ahead, or garbage: it expires.
            Err(error) => {
                warn!(message = "A note cannot be read.", %key, %error);
                return Ok(());
            }
        }
        match self.key_value.delete(&key, Expect::Version(entry.version)).await {
            Err(error) if error.kind() != ErrorKind::Conflict => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes a request, executes it and replies.
    pub(super) async fn take_request(
        &self,
        name: &str,
        entry: Option<Entry>,
        handler: &dyn MailHandler,
    ) -> mcpg_cluster::Result<()> {
        let key = names::key(&self.config.boot, name);
        let Some(entry) = self.entry(&key, entry).await? else {
            return Ok(());
        };
        let mail = RequestMail::decode(&entry.value).map_err(unreadable)?;
        if mail.state == RequestState::Refused {
            return Ok(());
        }
        let until = Instant::now() + mail.ttl;
        let found = Stored {
            record: mail.clone(),
            version: entry.version,
        };
        let taken = match mail.state {
            // Taken by a write of this process whose answer was lost, and whose content is lost with it.
            RequestState::Taken => Taken::Lost,
            _ => self.settle_take(&key, found, until).await,
        };
        if matches!(taken, Taken::Refused) || !self.done_with(name, mail.ttl) {
            return Ok(());
        }
        // From here on nobody in this process executes it (again), so "refused" is true where it was not executed.
        let (state, body) = match taken {
            // After that time nobody can read the reply, and what still hangs would hold up others for ever.
            Taken::Mine => tokio::time::timeout_at(until, execute(handler, &mail.kind, mail.body.clone()))
                .await
                .unwrap_or((ReplyState::Unknown, Bytes::new())),
            Taken::Lost | Taken::Refused => (ReplyState::Refused, Bytes::new()),
        };
        self.settle_reply(&mail, state, body, until).await;
        Ok(())
    }

    async fn entry(&self, key: &Key, entry: Option<Entry>) -> mcpg_cluster::Result<Option<Entry>> {
        match entry {
            Some(entry) => Ok(Some(entry)),
            None => self.key_value.get(key).await,
        }
    }

    /// Moves a request from new to taken and goes on until it is known whether that was done.
    async fn settle_take(&self, key: &Key, found: Stored<RequestMail>, until: Instant) -> Taken {
        if weakness::has(Weakness::ExecutesUntaken) {
            return Taken::Mine;
        }
        let mut found = Some(found);
        let mut pause = FIRST_PAUSE;
        while Instant::now() < until {
            let Some(Stored { record, version }) = found.take() else {
                return Taken::Refused;
            };
            match record.state {
                RequestState::Refused => return Taken::Refused,
                // Nobody else takes this replica's mail: an earlier round did, and it executes it once.
                RequestState::Taken => return Taken::Mine,
                RequestState::New => {}
            }
            let (ttl, taken) = (Some(record.ttl), record.in_state(RequestState::Taken));
            let expect = Expect::Version(version);
            match self.writer.write(key, taken, expect, ttl).await {
                Ok(_) => return Taken::Mine,
                Err(WriteError::Conflict(other))
                    if other.as_ref().map(|other| other.version) != Some(version) =>
                {
                    found = other;
                }
                // Out of reach, or a read that is older than the write which was in the way.
                Err(WriteError::Unavailable(_) | WriteError::Indeterminate(_) | WriteError::Conflict(_)) => {
                    found = loop {
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                        match self.writer.read::<RequestMail>(key).await {
                            Ok(found) => break found,
                            Err(_) if Instant::now() >= until => return Taken::Lost,
                            Err(_) => {}
                        }
                    };
                }
                Err(WriteError::Format(_) | WriteError::Refused(_)) => return Taken::Lost,
            }
        }
        Taken::Lost
    }

    /// Writes the reply and goes on until that is settled or nobody can wait for it any more.
    async fn settle_reply(&self, mail: &RequestMail, state: ReplyState, body: Bytes, until: Instant) {
        let (mut state, mut body) = (state, body);
        let mut pause = FIRST_PAUSE;
        while Instant::now() < until {
            let written = self
                .reply(&mail.from, &mail.reply, mail.ttl, state, body.clone())
                .await;
            match written {
                Ok(()) => return,
                Err(WriteError::Format(_) | WriteError::Refused(_)) if state == ReplyState::Answered => {
                    warn!(
                        message = "The answer to another replica cannot be written.",
                        kind = mail.kind
                    );
                    (state, body) = (ReplyState::Unknown, Bytes::new());
                }
                Err(WriteError::Format(_) | WriteError::Refused(_)) => return,
                Err(_) => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Whether a request may be executed.
enum Taken {
    /// Yes, once.
    Mine,
    /// No: its asker or a sweeper refused it.
    Refused,
    /// It may have been taken in this replica's name, but it cannot be executed any more, and was not.
    Lost,
}

async fn execute(handler: &dyn MailHandler, kind: &str, body: Bytes) -> (ReplyState, Bytes) {
    match AssertUnwindSafe(handler.execute(kind, body)).catch_unwind().await {
        Ok(Handled::Answered(body)) => (ReplyState::Answered, body),
        Ok(Handled::Refused) => (ReplyState::Refused, Bytes::new()),
        Err(_) => {
            error!(message = "Executing a request of another replica panicked.", kind);
            (ReplyState::Unknown, Bytes::new())
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unreadable(error: FormatError) -> Error {
    Error::new(ErrorKind::Invalid, error.to_string())
}
