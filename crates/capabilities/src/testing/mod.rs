//! Tools of the tests: coordinators that count and that go wrong, and a judge who says what it is told.

mod blackout;
mod chaos;
mod counting;
mod dice;
mod held;
mod stale;
mod tester;
mod turns;
mod verdicts;

pub(crate) use blackout::Blackout;
pub(crate) use chaos::{Chaos, Odds};
pub(crate) use counting::Counting;
pub(crate) use dice::Dice;
pub(crate) use held::{Held, Side};
pub(crate) use stale::Stale;
pub(crate) use tester::tester;
pub(crate) use turns::{Orders, Turns};
pub(crate) use verdicts::Verdicts;
