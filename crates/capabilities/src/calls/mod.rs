//! Calls of legacy sessions that other replicas may cancel or answer.
//!
//! A call runs on one replica, its owner, while the cancel of it or the answer to a question that it asked may arrive
//! at any other. They meet in one record, the **head** of the call, under `call/<session id>` and the JSON-RPC id as
//! JSON text. One record, because with two of them a response could follow a cancel that was already acknowledged.
//!
//! # The life of a head
//!
//! ```text
//!              cancel()                       open()
//!   absent ---------------> cancelled   absent ------> open --- end() ----> ended
//!                               ^                       |  \--- sweep ---->   |
//!                               +------- cancel() ------+                     |
//!                                                       ^------- open() ------+
//! ```
//!
//! * **Opening** ([`Opening::open`]). A call that is answered quickly writes nothing. One that becomes a stream first
//!   writes an index entry under `owner/<boot id>`, by which a sweeper finds the calls of a dead replica, and then
//!   creates its head, expecting that there is none. Both are never read before: two operations.
//! * **Cancelling** ([`Calls::cancel`]). A cancel may overtake the opening of its call, so one that finds nothing
//!   leaves a `cancelled` record, which the opening then meets. A living head becomes `cancelled` by compare-and-set,
//!   and from then on every write of its owner is refused: no response follows.
//! * **Too late.** The marker of a cancel lives as long as a session record. A call that opens later than half of
//!   that after its start might come after the marker of its own cancel had expired. It is not opened but ended with
//!   "outcome unknown". The time is checked before the head is sent and again once it stands, since a replica may
//!   be paused in between for any time.
//! * **Asking** ([`OpenCall::ask`]). Questions are numbered in the head. An answer is taken by any replica, only for a
//!   number that is pending in a living head, and the first one stays. Only the owner passes answers on; whoever
//!   finds the owner dead ends the call.
//! * **Streaming** ([`OpenCall::append`]). What is said on the stream of the call stands in the log of the head before it
//!   is sent. Only the owner appends, so the place in the log tells whether an attempt of unknown outcome was applied.
//! * **Going on elsewhere** ([`Calls::take_up`], [`Calls::follow`]). A client that comes back at any replica makes that
//!   connection the **reader** of the stream, by compare-and-set; the connection before it finds that out and closes.
//!   The owner tells the reader's replica of each event by mail. Who reads the stream of a dead owner ends the call.
//! * **Ending** ([`OpenCall::end`]). The head becomes `ended` and stays until its TTL is over. Were it deleted, a copy
//!   of the opening write that the network delivers late would bring it back to life and block the id.
//!
//! # Whose head it is
//!
//! Every opening draws a random **birth**, kept in head and index entry. By it an owner whose write had an unknown
//! outcome recognises its own head when it tries again, instead of calling itself a duplicate, and by it an `ended`
//! record tells whether it ended this call or an earlier one with the same id. An `ended` head, and the head of a dead
//! owner, may be replaced by a new call, by compare-and-set.
//!
//! # What the owner never does
//!
//! It never creates a head after the opening and never writes one that it has not read: each write names the version
//! before it. A head that is gone, cancelled, ended or of another birth ends the call.
//!
//! An id that is used again while the marker of an earlier cancel lives is cancelled by it, and a cancel of a call that
//! uses an ended id again, and has no head yet, has no effect. The protocol forbids to use an id twice in one session.

mod appending;
mod follow;
mod handle;
mod head;
mod index;
mod key;
mod open_call;
mod opening;
mod question;
mod remote;
mod sweep;

pub use crate::store::StepError as CallsError;
pub use appending::{Appended, Entry};
pub use follow::{Follow, Over};
pub use handle::{Calls, CallsConfig};
#[cfg(test)]
pub(crate) use head::logged;
pub use head::{Birth, QuestionAnswer};
pub use key::{CallKey, InvalidCall, LARGEST_ID_BYTES};
pub use mcpg_cluster::{Moment, Version};
pub use open_call::{Ended, Look, OpenCall, Refused};
pub use opening::{Opened, Opening, Released};
pub use question::QuestionId;
pub use remote::{Answered, Cancelled};
pub use sweep::{Sweep, ToWake};

#[cfg(test)]
mod tests;
