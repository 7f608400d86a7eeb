//! What is measured, in the order it is measured.

use crate::load::{Era, Report};
use crate::statistics::median;

/// What stands between the load and the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Direct,
    Proxy,
    Mcpg,
}

/// All rounds of one combination.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) subject: Subject,
    pub(crate) era: Era,
    pub(crate) connections: u32,
    pub(crate) reports: Vec<Report>,
}

impl Subject {
    pub(crate) fn among(with_gateway: bool) -> impl Iterator<Item = Self> {
        let gateway = with_gateway.then_some(Self::Mcpg);
        [Self::Direct, Self::Proxy].into_iter().chain(gateway)
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Direct => "nothing (direct)",
            Self::Proxy => "bare proxy",
            Self::Mcpg => "mcpg",
        }
    }
}

impl Series {
    /// Lists every combination so that what is compared with each other is measured close together.
    pub(crate) fn all(connections: &[u32], with_gateway: bool) -> Vec<Self> {
        let mut all = Vec::new();
        for &connections in connections {
            for era in [Era::Modern, Era::Legacy] {
                all.extend(Subject::among(with_gateway).map(|subject| Self {
                    subject,
                    era,
                    connections,
                    reports: Vec::new(),
                }));
            }
        }
        all
    }

    pub(crate) fn era_argument(&self) -> &'static str {
        match self.era {
            Era::Modern => "modern",
            Era::Legacy => "legacy",
            Era::Raw => "raw",
        }
    }

    /// Returns the median over all rounds of what `figure` takes from a report.
    pub(crate) fn median(&self, figure: impl Fn(&Report) -> Option<f64>) -> Option<f64> {
        median(self.reports.iter().filter_map(figure).collect())
    }

    pub(crate) fn throughputs(&self) -> Vec<f64> {
        let reports = self.reports.iter();
        reports.map(|report| report.throughput_per_sec).collect()
    }
}
