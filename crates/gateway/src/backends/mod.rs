//! What the configuration defines itself, and the backends that execute it.

mod arguments;
mod bindings;
mod command;
mod http;
mod listed;
mod mock;
mod reply;
mod template;

pub(crate) use bindings::OwnBindings;
pub(crate) use command::Programs;
