//! Answering for a dead replica.

use bytes::Bytes;
use mcpg_cluster::{Cursor, Error, ErrorKind, Expect, NamedEntry};
use mcpg_metrics::table::TAKE_OVERS;
use tracing::warn;

use super::handle::Mailbox;
use super::names::{self, MailKind};
use super::reply::ReplyState;
use super::request_mail::{RequestMail, RequestState};
use crate::owner::BootId;
use crate::store::{Record, Stored, WriteError};

/// What one step of a sweep did.
#[derive(Debug, Default)]
pub struct MailSweep {
    /// How many requests are refused now: they surely are not executed. They stay until they expire, like the next.
    pub refused: usize,
    /// How many requests the dead replica had taken, so that their outcome is unknown.
    pub taken: usize,
    /// How many notes were removed.
    pub notes: usize,
    /// Where the next step goes on; `None` when all mail was looked at.
    pub next: Option<Cursor>,
}

impl Mailbox {
    /// Answers the mail of a dead boot in its place: at most `at_most` pieces of it.
    ///
    /// Nothing goes wrong where the boot is alive after all: what is refused here it can no longer take, and where it
    /// executes something already, "outcome unknown" is true and its own answer, if it is first, stays.
    ///
    /// # Errors
    /// What stopped the step. What was done stays done; the next step starts at the same cursor.
    pub async fn answer_for(
        &self,
        boot: &BootId,
        after: Option<&Cursor>,
        at_most: usize,
    ) -> mcpg_cluster::Result<MailSweep> {
        let scope = names::scope(boot);
        let page = self.key_value.list(&scope, b"", after, at_most.max(1)).await?;
        let mut sweep = MailSweep {
            next: page.next,
            ..MailSweep::default()
        };
        for found in page.entries {
            let name = String::from_utf8_lossy(&found.name).into_owned();
            match MailKind::of(&name) {
                Some(MailKind::Note) => {
                    self.remove_note(boot, &name, &found).await?;
                    sweep.notes += 1;
                }
                Some(MailKind::Request) => match self.refuse(boot, &name, &found).await? {
                    Some(ReplyState::Refused) => sweep.refused += 1,
                    Some(_) => sweep.taken += 1,
                    None => {}
                },
                // What the dead replica waited for expires with its reply.
                Some(MailKind::Reply) | None => {}
            }
        }
        Ok(sweep)
    }

    async fn remove_note(&self, boot: &BootId, name: &str, found: &NamedEntry) -> mcpg_cluster::Result<()> {
        let expect = Expect::Version(found.entry.version);
        match self.key_value.delete(&names::key(boot, name), expect).await {
            Err(error) if error.kind() != ErrorKind::Conflict => Err(error),
            _ => Ok(()),
        }
    }

    /// Refuses a request that is new and tells its asker what became of it.
    async fn refuse(
        &self,
        boot: &BootId,
        name: &str,
        found: &NamedEntry,
    ) -> mcpg_cluster::Result<Option<ReplyState>> {
        let Ok(mail) = RequestMail::decode(&found.entry.value) else {
            warn!(message = "A request of another replica cannot be read.", %boot, name);
            return Ok(None);
        };
        let (from, reply, ttl) = (mail.from.clone(), mail.reply.clone(), mail.ttl);
        let mut stored = Some(Stored {
            record: mail,
            version: found.entry.version,
        });
        let key = names::key(boot, name);
        let mut fresh = false;
        let state = loop {
            let Some(Stored { record, version }) = stored else {
                return Ok(None);
            };
            match record.state {
                RequestState::Taken => break ReplyState::Unknown,
                RequestState::Refused => break ReplyState::Refused,
                RequestState::New if fresh => return Err(contended()),
                RequestState::New => {}
            }
            let (refused, expect) = (record.in_state(RequestState::Refused), Expect::Version(version));
            match self.writer.write(&key, refused, expect, Some(ttl)).await {
                Ok(_) => {
                    TAKE_OVERS.count(&["mailbox_request"]);
                    break ReplyState::Refused;
                }
                // No longer new, since that is left once and for all.
                Err(WriteError::Conflict(other)) => (stored, fresh) = (other, true),
                Err(error) => return Err(plain(error)),
            }
        };
        // Whoever refused it before may not have come to telling the asker.
        self.reply(&from, &reply, ttl, state, Bytes::new())
            .await
            .map_err(plain)?;
        Ok(Some(state))
    }
}

fn plain<R>(error: WriteError<R>) -> Error {
    match error {
        WriteError::Unavailable(error) | WriteError::Indeterminate(error) | WriteError::Refused(error) => {
            error
        }
        WriteError::Format(error) => Error::new(ErrorKind::Internal, error.to_string()),
        WriteError::Conflict(_) => contended(),
    }
}

fn contended() -> Error {
    Error::new(ErrorKind::Unavailable, "a read was older than a write")
}
