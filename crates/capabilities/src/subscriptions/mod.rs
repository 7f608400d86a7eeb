//! Subscriptions of client sessions to resources of upstreams, held once for the whole fleet.
//!
//! However many sessions at however many replicas want to hear of a resource, one replica subscribes to it, in an upstream
//! session that it shares. What it hears it raises as a level, by which every replica learns of it.
//!
//! # What is written
//!
//! * `interest/<subscription>` has an entry per **session** that wants it. It lives as long as what must be closed when a
//!   session has ended, is kept alive with that, and is removed by the same code.
//! * `subscription/<subscription>` is the record of the **holder**: the replica that is subscribed, with its owner pair.
//! * `owner/<boot>/subscription/<subscription>` is how the sweeper finds what a dead replica held.
//!
//! # Joining ([`Subscriptions::join`])
//!
//! The interest is written first, then the record is read. Where somebody holds it, that is all: he is told to look, and
//! if he should be dead, the sweeper takes over. Where nobody does, this replica subscribes upstream, so that a refusal
//! leaves nothing behind, and then creates the record by compare-and-set; whoever loses that unsubscribes. The index
//! entry stands before both.
//!
//! # Leaving ([`Subscriptions::leave`])
//!
//! The interest is removed and the holder told to look. A holder that finds no interest first writes that nobody holds
//! the subscription, *then* looks once more, and unsubscribes only then: who joins writes before he reads, and so does
//! who gives up, so at least one of the two sees the other. The record stays, without a holder, until it expires: were it
//! deleted, a late copy of the write that created it would name a holder that holds nothing.
//!
//! # Holders that die or stand still
//!
//! Who takes over a dead holder's subscription subscribes, claims the record, and raises the level: what was updated in
//! between was heard by nobody. A holder that was only paused finds the claim in its next round, or when it is told to
//! look, and unsubscribes; until then the level may be raised twice, which costs the client one more read.

mod error;
mod handle;
mod hold;
mod index;
mod interest;
mod keeper;
mod name;
mod record;
mod rounds;
mod sweep;

pub use error::{NotJoined, SubscriptionError};
pub use handle::{Subscriptions, SubscriptionsConfig, SubscriptionsParts};
pub use keeper::{Keeper, NotSubscribed};
pub use name::SubscriptionName;
pub use sweep::SubscriptionSweep;

#[cfg(test)]
mod tests;
