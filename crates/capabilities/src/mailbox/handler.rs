//! What a replica does with its mail.

use async_trait::async_trait;
use bytes::Bytes;

use super::note::Note;
use crate::owner::BootId;

/// What a replica does with its mail. Every call runs in a task of its own; a slow one delays no other.
#[async_trait]
pub trait MailHandler: Send + Sync + 'static {
    /// Looks at what a note points to. The same note may come again; notes about the same key may come in any order.
    /// A look that takes longer than ten seconds is dropped and counts as failed.
    ///
    /// # Errors
    /// [`LookAgain`] when the look failed or saw an older version than the note's: the note stays and comes again.
    async fn look(&self, note: &Note) -> Result<(), LookAgain>;

    /// Executes a request of another replica. It is called once for each request at the most.
    ///
    /// A panic here leaves the asker with "outcome unknown". The future is dropped when nobody can wait for the answer
    /// any more.
    async fn execute(&self, kind: &str, body: Bytes) -> Handled;

    /// Hears that notes may have expired unread, because this replica was asleep or cut off for so long: it must look
    /// at everything that notes could be about. It must not block.
    fn missed_notes(&self);

    /// Hears that `boot` has processed the closing of `session`. It must not block; it may be told twice or never.
    fn acknowledged(&self, session: &str, boot: &BootId);
}

/// How a request was handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handled {
    /// It was executed, and this is the answer, whatever it says.
    Answered(Bytes),
    /// It was not executed: this replica does not know the kind, or not the thing that it is about.
    Refused,
}

/// The look at a note has to be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookAgain;
