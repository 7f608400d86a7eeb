//! Whose sessions the tests use.

use crate::principal::Principal;

/// A client with an identity, so that the name of a session and the text of its id differ: what confuses them fails.
pub(crate) fn tester() -> Principal {
    Principal::key("tester")
}
