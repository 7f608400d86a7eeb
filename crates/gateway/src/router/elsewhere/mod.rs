//! Sessions whose child process another replica runs.
//!
//! A process cannot move. Its owner executes what other replicas are asked for in its session, and everything that
//! belongs to such a call travels as request mail, each piece of which is executed at most once:
//!
//! ```text
//!   asker                                              owner
//!     call   (who asks, in which session, what) ------>  accepted, and executed beside; or the process is gone
//!     <------ said (number; notifications, questions, and at last the outcome)
//!     answer (to a question) ------------------------->
//!     cancel ----------------------------------------->
//!     close, notify (of a session) -------------------->
//! ```
//!
//! * A piece of mail never waits for a call, or a few long calls would take all the room that a mailbox has.
//! * The owner sends one `said` at a time and the same one again until it is taken; the asker takes each number once. So
//!   events arrive in their order, once, and nothing follows the outcome. What comes together meanwhile goes together,
//!   and of progress only the latest.
//! * The asker lets go of a call - for whatever reason its client has - by `cancel`, which also stops a call that has not
//!   arrived yet.
//! * An owner that is dead takes nothing any more. A call that it had not taken is refused in its mail, which makes sure
//!   that it never will be, and the session gets a new process; of one that it had taken nobody knows the outcome.

mod asking;
mod registry;
mod serving;
mod sessions;
mod telling;
mod words;

pub(super) use registry::Elsewhere;
