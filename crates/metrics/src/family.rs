//! All time series of one metric whose labels are words of the table, found by number instead of by text.

use std::sync::OnceLock;

use metrics::{Counter, Histogram};

use crate::metric::Metric;

/// The counters of one metric. Each is registered at its first use, so that what never happens is not exported.
#[derive(Debug)]
pub struct Counters(Family<Counter>);

/// The histograms of one metric.
#[derive(Debug)]
pub struct Histograms(Family<Histogram>);

#[derive(Debug)]
struct Family<H> {
    metric: &'static Metric,
    handles: Box<[OnceLock<H>]>,
}

impl Counters {
    /// The counters of a metric whose labels are all words of the table.
    pub fn new(metric: &'static Metric) -> Self {
        Self(Family::new(metric))
    }

    /// The counter with these words, given by their places in the table.
    pub fn at<const N: usize>(&self, words: [usize; N]) -> &Counter {
        self.0.at(&words, Metric::counter)
    }

    pub(crate) fn register_all(&self) {
        for at in 0..self.0.handles.len() {
            let _ = self.0.handle(at, Metric::counter);
        }
    }
}

impl Histograms {
    /// The histograms of a metric whose labels are all words of the table.
    pub fn new(metric: &'static Metric) -> Self {
        Self(Family::new(metric))
    }

    /// The histogram with these words, given by their places in the table.
    pub fn at<const N: usize>(&self, words: [usize; N]) -> &Histogram {
        self.0.at(&words, Metric::histogram)
    }
}

impl<H> Family<H> {
    fn new(metric: &'static Metric) -> Self {
        let size = metric.combinations().unwrap_or_default();
        debug_assert!(size > 0, "{} has labels that are no words", metric.name);
        Self {
            metric,
            handles: (0..size).map(|_| OnceLock::new()).collect(),
        }
    }

    fn at(&self, words: &[usize], register: fn(&Metric, &[&str]) -> H) -> &H {
        debug_assert_eq!(words.len(), self.metric.labels.len(), "{}", self.metric.name);
        let lists = self.metric.labels.iter().filter_map(|label| label.values.words());
        let at = lists.zip(words).fold(0, |at, (list, word)| {
            debug_assert!(*word < list.len(), "{}", self.metric.name);
            at * list.len() + word
        });
        self.handle(at, register)
    }

    fn handle(&self, at: usize, register: fn(&Metric, &[&str]) -> H) -> &H {
        self.handles[at].get_or_init(|| register(self.metric, &self.words(at)))
    }

    /// The words of the time series that stands at this place.
    fn words(&self, mut at: usize) -> Vec<&'static str> {
        let lists = self.metric.labels.iter().filter_map(|label| label.values.words());
        let mut words: Vec<&'static str> = lists
            .rev()
            .map(|list| {
                let word = list[at % list.len()];
                at /= list.len();
                word
            })
            .collect();
        words.reverse();
        words
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;
    use crate::table;

    #[test]
    fn a_place_and_its_words_belong_together() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            let counters = Counters::new(&table::REQUESTS);
            counters.at([1, 0, 2]).increment(3);
            counters.at([0, 2, 1]).increment(4);
            counters.at([0, 2, 1]).increment(1);
        });
        let shown = recorder.handle().render();
        let series = |method: usize, era: usize, outcome: usize, count: u64| {
            format!(
                "mcpg_requests_total{{method=\"{}\",era=\"{}\",outcome=\"{}\"}} {count}\n",
                table::METHODS[method],
                table::ERAS[era],
                table::OUTCOMES[outcome]
            )
        };
        assert!(shown.contains(&series(1, 0, 2, 3)), "{shown}");
        assert!(shown.contains(&series(0, 2, 1, 5)), "{shown}");
        assert_eq!(shown.matches("mcpg_requests_total{").count(), 2, "{shown}");
    }
}
