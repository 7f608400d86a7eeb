//! One line for every call of a tool, prompt or resource: who, when, what and how it ended.
//!
//! A call that begins gets an [`Entry`]; when the call is over, however that comes, the entry is handed to the queue of
//! each sink. A thread per sink takes what has gathered there, writes it with one write and makes it durable with one
//! sync, so that a slow disk costs the calls nothing and a slow sink the other sinks nothing.
//!
//! Where calls must not run unrecorded (`fail_closed`), an entry takes its place in every queue before its call begins,
//! and none begins while the last attempt to write has failed. What is in a queue is never thrown away then: it is
//! written as soon as that works again.

mod called;
mod entry;
mod file;
mod line;
mod log;
mod queue;
mod redact;
mod sink;
mod writer;

pub(crate) use called::Called;
pub(crate) use entry::{Ending, Entry};
pub use log::Audit;
pub(crate) use log::{Unavailable, Writing};
