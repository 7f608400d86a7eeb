#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod family;
mod markdown;
mod metric;
pub mod table;

pub use family::{Counters, Histograms};
pub use markdown::markdown;
pub use metric::{Kind, Label, Metric, Unit, Values};
pub use metrics::{Counter, Gauge, Histogram};

use table::ALL;

/// How many time series of one metric exist from the start, before anything was counted.
const MOST_FROM_THE_START: usize = 40;

/// The upper ends of the buckets of every histogram, in seconds.
pub const BUCKETS: &[f64] = &[
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Tells the recorder of this process what there is, and lets the small families of counters begin with zero: a rate
/// needs a value to start from.
pub fn describe() {
    for metric in ALL {
        metric.describe();
        let known = metric.combinations();
        if metric.kind == Kind::Counter && known.is_some_and(|known| known <= MOST_FROM_THE_START) {
            Counters::new(metric).register_all();
        }
    }
}
