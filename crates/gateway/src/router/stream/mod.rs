//! The stream of a legacy call: what is said on it stands in the call's head before it is sent.
//!
//! A call whose head stands is served by two tasks. The **driver** runs the call and never waits for the coordinator; it
//! hands everything that is said to the **stream task**, which owns the head. That task makes one change of the head at a
//! time; what is said meanwhile waits and goes along with the next one. Only what stands in the head is sent, with the
//! id from which any replica goes on.
//!
//! # When the coordinator is away
//!
//! What waits longer than one operation may take is sent to the client's connection without ids, the response last: a
//! result that exists reaches its client. The task goes on writing to the head, since a client that comes back elsewhere
//! reads it there, and does not send again what it has sent. Questions are not sent before they stand in the head,
//! because nobody could take their answers.

mod ending;
mod handle;
mod socket;
mod step;
mod task;
mod trouble;
mod waiting;
mod waking;
mod writing;

pub(super) use handle::{State, Stream};
pub(super) use socket::{Events, retry_ms};
pub(super) use task::{StreamParts, Streams};

#[cfg(test)]
mod tests;
