//! Random work under random trouble, and what must hold whatever happens.

mod booting;
mod calls;
mod each_operation;
mod gets;
mod judging;
mod levels;
mod lost_data;
mod mail;
mod sessions;
mod stream_operations;
mod streams;
mod teeth;
