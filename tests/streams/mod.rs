//! Streams of legacy clients through three replicas: delivered, resumed, cancelled, and what happens when a replica dies.

mod resuming;
mod selection;
mod smoke;
mod without_pubsub;
