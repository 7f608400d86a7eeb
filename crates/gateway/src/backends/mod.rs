//! What the configuration defines itself, and the backends that execute it.

mod bindings;
mod mock;
mod template;

pub(crate) use bindings::OwnBindings;
