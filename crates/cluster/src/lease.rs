//! Lease: who may act, with a token that tells the successor from the predecessor.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Nonce, Result};

/// Names that one holder at a time can hold for a while.
///
/// Use a [`LeaseGuard`](crate::LeaseGuard) rather than these calls: it renews and knows when to stop. Names and
/// holders are bytes of at most [`LARGEST_NAME_BYTES`](crate::LARGEST_NAME_BYTES).
#[async_trait]
pub trait Lease: Send + Sync {
    /// Takes a lease that is free; `None` means that it is held.
    ///
    /// The token is minted in the same atomic step. After an unknown outcome send the same request again: it is
    /// recognised by its nonce. The time of such a grant counts from the *first* sending.
    ///
    /// # Behavior
    /// - acquire grants a free lease: with a token, a TTL not shorter than asked and an earlier time to renew.
    /// - acquire of a held lease returns none: also to the holder itself, unless it repeats its request.
    /// - acquire grants a lease that was released: at once.
    /// - acquire grants a lease that has expired: at the latest when the TTL and the declared slack are over.
    /// - acquire never grants early: not before the TTL of the present holder is over.
    /// - acquire mints a greater token after release: than any before of that name.
    /// - acquire mints a greater token after expiry: than any before of that name.
    /// - acquire repeated with its nonce returns the same token: while the lease is still held by it.
    /// - acquire repeated with its nonce returns none after a successor: the successor's lease is not disturbed.
    /// - acquires racing for one lease have one winner: all others get `None`.
    /// - acquire keeps hostile lease names apart: from each other and from keys of the same bytes.
    /// - acquire with a ttl out of bounds is refused: `Invalid`; below `min_ttl` or above `max_ttl` of `Support`.
    async fn acquire(&self, request: &LeaseRequest) -> Result<Option<Grant>>;

    /// Makes a held lease last for the request's TTL from now.
    ///
    /// # Behavior
    /// - renew makes the lease outlast its first ttl: nobody else gets it meanwhile.
    /// - renew keeps the token: a greater one would look like a successor.
    /// - renew with an older token is refused: `NotHeld`, though the holder be the same.
    /// - renew after expiry is refused: `NotHeld`; it never revives.
    /// - renew after release is refused: `NotHeld`.
    async fn renew(&self, request: &LeaseRequest, token: Token) -> Result<Grant>;

    /// Gives a lease back if it is held with this token.
    ///
    /// # Behavior
    /// - release frees the lease at once: the next acquire gets it.
    /// - release with an older token changes nothing: it succeeds, and the successor keeps the lease.
    /// - release of a free lease succeeds: what was asked for holds.
    async fn release(&self, name: &[u8], token: Token) -> Result<()>;

    /// Says who holds a lease.
    ///
    /// # Behavior
    /// - holder of a free lease is none: never taken, released or expired.
    /// - holder names the holder and its token: as granted and renewed, on every replica.
    async fn holder(&self, name: &[u8]) -> Result<Option<Holder>>;
}

/// What is asked for when a lease is acquired, and again when it is renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRequest {
    /// The name of the lease.
    pub name: Bytes,
    /// Who asks; shown by [`Lease::holder`].
    pub holder: Bytes,
    /// How long the lease lasts without renewal.
    pub ttl: Duration,
    /// Marks this attempt to acquire; a new attempt needs a new one.
    pub nonce: Nonce,
}

impl LeaseRequest {
    /// Builds a request with a fresh nonce.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn new(name: impl Into<Bytes>, holder: impl Into<Bytes>, ttl: Duration) -> Result<Self> {
        Ok(Self {
            name: name.into(),
            holder: holder.into(),
            ttl,
            nonce: Nonce::random()?,
        })
    }
}

/// The fencing token of one acquisition. It grows with each acquisition of a name, over crashes and restarts as
/// far as [`Support::tokens_survive_memory_loss`](crate::Support::tokens_survive_memory_loss) says.
///
/// Tokens of different lease names must never be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(u64);

impl Token {
    /// Builds a token from the backend's number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The backend's number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// A lease that was acquired or renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The token of the acquisition.
    pub token: Token,
    /// How long the lease lasts, counted from before the request was sent.
    pub ttl: Duration,
    /// When to renew, counted likewise; shorter than the TTL, a third of it unless configured otherwise.
    pub renew_after: Duration,
}

/// Who holds a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The holder as it named itself.
    pub holder: Bytes,
    /// The token of its acquisition.
    pub token: Token,
}
