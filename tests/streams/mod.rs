//! Streams of legacy clients through three replicas: delivered, resumed, cancelled, and what happens when a replica dies.

mod bounds;
mod cancelling;
mod clients;
mod draining;
mod early_close;
mod get_endings;
mod get_streams;
mod get_upstreams;
mod levels;
mod moments;
mod outages;
mod owners;
mod questions;
mod resuming;
mod selection;
mod slow_readers;
mod smoke;
mod subscriptions;
mod take_over;
mod without_pubsub;
