//! Clients that have come back for the stream of a call, wherever it runs.
//!
//! A client is answered at once; then the connection becomes the reader of the stream in the head of the call. From there
//! on the owner's replica tells this one of each event by a note, or directly where it is the same replica, and the
//! follower reads the head. No stream is polled. What can end in silence, the life of the owner, is looked at once per
//! second and owner, however many streams it has.

mod client;
mod follower;
mod owners;
mod registry;

pub(super) use registry::Followers;
