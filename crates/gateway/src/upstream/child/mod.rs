//! Servers that are programs: children of the gateway, spoken to over their standard input and output.
//!
//! ```text
//!   exchange --(queue)--> writer --> stdin      stdout --> reader --> routes --> the exchange that it concerns
//!                                    stderr --> log
//! ```
//!
//! A [`Child`](calls::Child) is one process. [`Children`] are those of one upstream: the ones that are held for everybody,
//! by whose lists the catalogue is made, and one for each client session that calls. A line of the standard output is one
//! message; the reader never waits for whoever it is for, so that one slow call delays no other. Nobody can be asked
//! to repeat what was lost with a process: what was written to it and not answered has an unknown outcome.
//!
//! A child is stopped by closing its standard input, as the protocol asks for; one that does not take the hint is
//! terminated and then killed, with everything that it started and left in its process group.

mod calls;
mod held;
mod life;
mod log;
mod process;
mod program;
mod reader;
mod routes;
mod set;
mod writer;

pub(super) use program::Program;
pub(super) use set::Children;
#[cfg(test)]
pub(super) use set::MOST;
