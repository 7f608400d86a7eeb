#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod backend;
mod case;
mod cases;
mod context;
mod failure;
mod hostile;
mod macros;
mod run;
mod waiting;

pub use backend::Backend;
pub use case::{Case, case_named, cases};
pub use context::Context;
pub use failure::{Failure, Outcome};
pub use run::{CASE_BOUND, Report, assert_case, check_all, check_case, run_in_real_time};
