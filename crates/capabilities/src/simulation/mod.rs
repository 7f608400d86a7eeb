//! The protocols between replicas in a world where time, loss and order come from one seed.
//!
//! Replicas run the real code of this crate on one thread under paused time. Each has its own [`SimCoordinator`] on a
//! shared [`store`](store); the network between them delays, loses, doubles and holds back whatever a [`Faults`] or a
//! [`schedule`](schedule) says. The same seed gives the same history, which the tests check too.

mod answer;
mod clock;
mod coordinator;
mod faults;
mod feed;
mod leases;
mod network;
mod pubsub;
mod replica;
mod runner;
mod schedule;
mod seeds;
mod store;
mod tools;
mod trace;
mod world;

mod calls;
mod chaos;
mod client;
mod gets;
mod ledger;
mod node;
mod regressions;
mod scenarios;
mod station;
mod streams;

mod world_tests;

pub(crate) use clock::DriftingClock;
pub(crate) use coordinator::{LEASE_TTL, SimCoordinator};
pub(crate) use faults::Faults;
pub(crate) use replica::{Replica, ReplicaFate};
pub(crate) use runner::{Violation, breaks_without, finds_without, for_seeds, one_run};
pub(crate) use schedule::{Fate, Hold, Kind, Pattern};
pub(crate) use seeds::seeded_bytes;
pub(crate) use world::World;
