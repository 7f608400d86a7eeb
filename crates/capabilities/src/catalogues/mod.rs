//! Telling clients that a list changed, when every replica knows the new one.
//!
//! Each replica reads the lists of each upstream by itself. A client that hears of a change may ask any replica for the
//! new list, so nobody is told before no replica uses the old one. `catalogue/<upstream>` is the record of that:
//!
//! 1. A replica that finds the lists changed writes the digests of their new content, with the next version
//!    ([`Catalogues::publish`]). The other replicas, which find the same a moment later, see them there and do nothing.
//! 2. The change is put into the feed of the fleet, and is acknowledged by all, or their views have run out: as with a
//!    session that is closed. From then on nobody uses lists that he has not compared with the record.
//! 3. The levels of the lists are raised, so clients are told.
//! 4. The record says that the version is announced.
//!
//! Whoever leads does 2 to 4 for a record that names a version which is not announced ([`Finisher`]): the one
//! who wrote it may have stopped in between. Told twice is no harm.

mod error;
mod finish;
mod handle;
mod record;

pub use error::CatalogueError;
pub use finish::Finisher;
pub use handle::Catalogues;
pub use record::{Catalogue, Digests};

#[cfg(test)]
mod tests;
