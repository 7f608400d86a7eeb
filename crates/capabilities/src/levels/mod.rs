//! Levels: what a client has to read again, as opposed to messages that it has to get.
//!
//! That a list changed or a resource was updated is the same news however often it is told, and who comes late needs
//! only the last one. So it is never queued or logged per session. There is **one record** for the deployment, the feed:
//! each change gets the next number of one sequence, and the feed keeps for each list and each resource the number of
//! its last change. Whoever holds a stream remembers up to which number that stream was told, and tells what is newer.
//!
//! # Raising
//!
//! [`Levels::raise`] is a compare-and-set of the feed. A replica has one such write under way at a time, and it takes
//! along whatever was raised meanwhile. Raising twice is harmless: the client reads once more.
//!
//! # Following
//!
//! A wake-up on the topic `levels` carries the number; every replica reads the feed when it hears one that it does not
//! know, after a gap, and every two seconds whatever it hears.
//!
//! # Positions that mean nothing any more
//!
//! The feed is bounded. When the resource that changed longest ago is dropped from it, its **base** moves there, and who
//! was told only up to before the base is told everything that it wants. A feed starts at a random base, and it is
//! started anew when the coordinator lost data ([`Incarnation`](crate::incarnation::Incarnation)): so a position of
//! another life lies outside of it, and means the same.

mod feed;
mod follow;
mod handle;
mod level;
mod raise;
mod teller;
mod wants;

pub use feed::{Due, Feed};
pub use handle::{Levels, LevelsParts};
pub use level::{Level, Raised, Wants};
pub use teller::Teller;
pub use wants::{wants_at, wants_note};

#[cfg(test)]
mod tests;
