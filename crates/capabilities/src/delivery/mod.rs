//! Streams of legacy sessions: what is said on them is logged before it is sent, so that a client that lost its
//! connection goes on at any replica.
//!
//! There are two sorts of streams. The stream of a **call** is logged in the call's head (`calls`), and its owner is the
//! only one who appends to it. The **GET streams** of a session carry what belongs to no call; they share one record with
//! the session's queue, to which any replica appends.
//!
//! What is small stands in the record itself, what is not in a **body** (`bodies`) that is written before the record names
//! it. How much is kept is bounded in number, bytes and age: the oldest goes first. How many bytes the streams of one principal hold over the fleet is bounded too (`budget`).
//!
//! An event exists only when its record says so. Its id names its session's stream, its number in it, and carries a code
//! that only the deployment can make: any replica knows from the id alone which stream a client wants to go on with.

mod bodies;
mod budget;
mod event_id;
pub mod get;
mod log;
mod reader;

pub(crate) use bodies::{Bodies, Loaded, Place};
pub(crate) use budget::{BudgetConfig, Budgets, Held, OverBudget};
pub use event_id::{EventId, StreamName};
pub use log::{Log, LogLimits, Logged};
pub use reader::Reader;
