//! The process itself.

use super::{gauge, named};
use crate::metric::{Metric, Unit};

/// Which program runs.
pub const BUILD: Metric = gauge(
    "mcpg_build_info",
    Unit::Truth,
    &[named("version", "the version of the program")],
    "Always 1; the version is in the label",
);

/// Whether requests are wanted.
pub const READY: Metric = gauge(
    "mcpg_ready",
    Unit::Truth,
    &[],
    "Whether `/ready` says that this replica wants requests",
);
