//! What makes the gateway usable by an operator: identities, backends, processes, and what it tells of itself.

mod draining;
mod health;
mod keys;
mod pipe;
mod pipe_clients;
mod rolling;
