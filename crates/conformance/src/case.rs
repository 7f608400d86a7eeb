//! The cases and their list.

use std::fmt;

use futures_util::future::LocalBoxFuture;

use crate::{Context, Outcome};

/// One promise of the contract, put to the test.
#[derive(Clone, Copy)]
pub struct Case {
    /// The words of the behaviour line that the case proves, joined by underscores.
    pub name: &'static str,
    /// The part of the contract that it belongs to.
    pub group: &'static str,
    /// The case itself.
    pub run: for<'a> fn(&'a Context) -> LocalBoxFuture<'a, Outcome>,
}

impl fmt::Debug for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}::{}", self.group, self.name)
    }
}

/// All cases of the kit.
pub fn cases() -> &'static [Case] {
    crate::with_every_case!(registry)
}

/// The case of this name.
pub fn case_named(name: &str) -> Option<&'static Case> {
    cases().iter().find(|case| case.name == name)
}
