//! The GET streams of legacy sessions: what belongs to no call reaches the client on exactly one of them.
//!
//! A session may have several GET streams at several replicas, or none for a while. All of them, the queue of what waits
//! for one, and how far the streams of the session's upstreams were read stand in **one record**, `get/<session>`, since
//! with two of them a message would be lost or told twice when a replica dies between two writes.
//!
//! * **Appending** ([`GetStreams::append`]). A message goes into the log of the first stream that is attached by a replica
//!   which has its lease still, with the same token, or else into the queue. What an upstream sent is appended together
//!   with the id of the upstream's event, and only by the replica that holds the upstream's stream. Every batch has an id
//!   that the record remembers for a while: by it an attempt of unknown outcome is recognised, and where it is too late to
//!   tell, the batch is not repeated.
//! * **Attaching** ([`GetStreams::attach`]). The client has been sent the id of the place where it stands; then one write
//!   makes a connection the holder of the stream and moves the whole queue into its log. A stream that the record does
//!   not know is created, since its id proves that the deployment minted it. The former holder finds itself replaced.
//! * **Reading** ([`GetStreams::look`]). The holder sends what stands in the log of its stream and nothing else. Who
//!   appended wakes it by mail. What is in the log of a stream is delivered by that stream or its resumption only.
//! * **Letting go** ([`GetStreams::detach`]). The log stays for the client to come back to. A replica that lost its lease
//!   closes its connections, even if it has a lease again: others have stopped appending to them.
//! * **Overflow.** The queue is bounded. What falls out is counted in the record, and the next stream that is attached
//!   begins with a message that says how much was lost.
//! * **Upstreams** ([`GetStreams::claim_upstream`]). One replica holds the stream of an upstream session, by a claim in
//!   the record. A sweeper finds the claims of a dead replica through the index and takes them over
//!   ([`GetStreams::take_over`]); the stream then goes on behind the last event that stands in the record.
//! * **Questions** ([`Said::Question`]). A request of an upstream outside of any call is numbered in the record. Any
//!   replica takes the answer ([`GetStreams::answer`]), the first one stays, and it is taken out of the record before it is
//!   passed on ([`GetStreams::take_answers`]): never twice.
//! * **Closing** ([`GetStreams::close`]). A closed record stays for its TTL and takes nothing any more.
//!
//! A stream whose client never got an id of an event cannot be resumed: what lies in its log when its holder dies is
//! lost. Clients of the revisions before 2025-11-25 are in that position until their first event.

mod answers;
mod append;
mod attach;
mod close;
mod handle;
mod holder;
mod index;
mod look;
mod name;
mod notice;
mod question;
mod record;
mod sweep;
mod upstreams;

pub use crate::store::StepError as GetError;
pub use answers::TakenAnswer;
pub use append::{Appended, Batch, Said, UpstreamPlace};
pub use attach::{Attach, MOST_ATTACHED};
pub use handle::{GetConfig, GetParts, GetStreams};
pub use holder::{Holder, Living};
pub use look::{Look, Seen};
pub use name::{key, session_at};
pub use notice::messages_lost;
pub use question::SessionQuestion;
pub use sweep::{Adopter, GetSweep, TakenOver};
pub use upstreams::{Claim, Claimant};

#[cfg(test)]
mod tests;
