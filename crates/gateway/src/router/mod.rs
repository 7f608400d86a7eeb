//! Where clients and executors meet: what is offered, who executes a request, and the calls that run.

mod announced;
mod audited;
mod call;
mod catalogue;
mod completion;
mod core;
mod drive;
mod elsewhere;
mod endings;
mod execute;
mod followers;
mod forward;
mod get_streams;
mod head;
mod initialize;
mod lists;
mod live;
mod losses;
mod mail;
mod members;
mod messages;
mod named;
mod offers;
mod reopening;
mod resources;
mod sessions;
mod start;
mod stream;
mod subscribe;
mod telling;
#[cfg(test)]
mod testing;
mod updates;

pub(crate) use call::Call;
pub(crate) use catalogue::Kind;
pub(crate) use core::{Router, RouterSettings};
pub(crate) use drive::{Final, Output};
pub(crate) use get_streams::Resumed;
pub(crate) use initialize::{Initialized, NotInitialized};
pub(crate) use mail::Mail;
pub(crate) use members::NameCollision;
pub(crate) use start::{Client, ClientRequest, SessionRef};
