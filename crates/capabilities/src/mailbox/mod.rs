//! What one replica has to tell another.
//!
//! Replicas have no network of their own: they meet in the coordinator. Each boot has a mail scope `mail/<boot id>` in
//! which everything has a name of its own, drawn at random, and one topic on which it is woken. The mail is the truth
//! and the wake-up may get lost: every two seconds a replica lists its own scope, once for everything that concerns it.
//!
//! # Notes
//!
//! A **note** says "look at this key, which has at least this version now". It carries nothing itself: whoever changed
//! something has already written it where it belongs, so a note may come twice, late, or to a paused replica whose
//! successor has looked long since. The receiver looks *first* and removes the note *then*: when the look fails, or
//! the replica stops between the two, the note is still there. The reverse order loses it. Removing it afterwards
//! takes no newer note along, because no two notes share a name. A look that reads an older state than the note's
//! version has failed. The wake-up carries a copy of the note, which never changes, so that the look comes one read
//! earlier; whoever is woken for a note that was dealt with looks once more, in vain. A replica that could not list its mail for so long that notes may have expired unread is told,
//! and looks at everything.
//!
//! # Requests
//!
//! A **request** asks another replica to do what only that one can do, at most once:
//!
//! ```text
//!   asker:     waiting reply, then the mail ------+
//!   receiver:                                new -+-> taken, executes, writes the reply, wakes the asker
//!   asker, when its patience is over:        new ---> refused
//!   sweeper, when the receiver is dead:      new ---> refused    taken: the reply becomes "outcome unknown"
//! ```
//!
//! * The receiver executes only what it has moved from `new` to `taken`, so once the asker or a sweeper has moved it to
//!   `refused` it surely is not executed, however late the receiver wakes up. Who says "refused" has done that first.
//! * The reply is written over `waiting` only: the first one stays, be it the receiver's or the sweeper's.
//! * A mail is never deleted before its TTL is over. A copy of the asker's write that the network delivers late would
//!   otherwise be a fresh request.
//! * A mail of unknown outcome that does not stand is refused by creating it as `refused`.
//! * Only this boot takes its mail, so a `taken` mail that this process has not begun to execute was taken by a write
//!   of its own whose answer was lost.
//!
//! # Slow things
//!
//! Every look and every request runs in a task of its own, and a list or a subscription that hangs holds up nothing
//! else. There is a limit to how many run at once; what is above it stays in the coordinator, where its asker can
//! still refuse it, and is taken as soon as there is room.

mod handle;
mod handler;
mod names;
mod note;
mod reply;
mod request_mail;
mod run;
mod send;
mod sweep;
mod work;

pub use handle::{Mailbox, MailboxConfig};
pub use handler::{Handled, LookAgain, MailHandler};
pub use note::Note;
pub use send::Undelivered;
pub use sweep::MailSweep;

#[cfg(test)]
mod tests;
