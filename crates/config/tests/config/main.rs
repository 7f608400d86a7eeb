//! The crate from outside: whole configurations in, reports or validated values out.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

mod backends;
mod capability_places;
mod examples;
mod golden;
mod hostile;
mod inspected;
mod loading;
mod operating;
mod regenerate;
mod schema;
mod session_stores;
