//! One gateway on one node: what its clients and its operator can rely on.

mod calls;
mod cancelling;
mod catalogue;
mod clients;
mod command_line;
mod conformance;
mod lifecycle;
mod limits;
mod mocks;
mod modern;
mod names;
mod questions;
mod sessions;
mod upstreams;
mod wire;
