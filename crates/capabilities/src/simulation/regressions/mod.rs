//! The schedules that break simpler protocols, each run with the protection and without it.

mod calls;
mod gets;
mod incarnation;
mod judging;
mod levels;
mod mail;
mod sessions;
mod streams;
