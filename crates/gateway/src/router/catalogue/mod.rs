//! Everything that the gateway offers, merged from its own bindings and its upstreams.
//!
//! The order is a function of the configuration and of what the upstreams offer: own bindings in file order, then the
//! upstreams in file order, each in its own order. Every replica therefore lists the same things in the same order.

mod build;
mod cursor;
mod item;
mod section;

pub(crate) use build::{Collision, Member, build};
pub(crate) use cursor::Cursors;
pub(crate) use item::{Item, Kind, Origin};
pub(crate) use section::Section;

use mcpg_mcp::version::Era;

/// What is offered to clients of each era.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    legacy: Listings,
    modern: Listings,
}

/// What is offered to clients of one era.
#[derive(Debug, Default)]
pub(crate) struct Listings {
    sections: [Section; 4],
}

impl Catalogue {
    /// What clients of `era` see.
    pub(crate) fn of(&self, era: Era) -> &Listings {
        match era {
            Era::Legacy => &self.legacy,
            Era::Modern => &self.modern,
        }
    }
}

impl Listings {
    /// The things of one kind.
    pub(crate) fn section(&self, kind: Kind) -> &Section {
        &self.sections[kind.position()]
    }
}

#[cfg(test)]
mod tests;
