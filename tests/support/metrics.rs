//! What `/metrics` says, as numbers.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use http::{Method, StatusCode};

use super::http::Call;

/// One answer of `/metrics`: the value of each time series, by its name with its labels as they are written.
pub(crate) struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    /// Asks the listener for operators.
    ///
    /// # Panics
    /// When the answer is not in the text format.
    pub(crate) async fn of(operators: SocketAddr) -> Self {
        let answer = Call::new(Method::GET, operators, "/metrics").send().await;
        assert_eq!(answer.status, StatusCode::OK);
        let kind = answer.header("content-type").map(str::to_owned);
        assert_eq!(kind.as_deref(), Some("text/plain; version=0.0.4; charset=utf-8"));
        Self::parse(&answer.text().await)
    }

    fn parse(text: &str) -> Self {
        let series = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| {
                let (name, value) = line.rsplit_once(' ').expect("a name and a value");
                (name.to_owned(), value.parse().expect("a number"))
            });
        Self(series.collect())
    }

    /// The value of a time series; what is not exported was never counted.
    pub(crate) fn value(&self, series: &str) -> f64 {
        self.0.get(series).copied().unwrap_or_default()
    }

    /// Every time series of a metric that is not zero, without the name of the metric.
    pub(crate) fn nonzero(&self, metric: &str) -> Vec<(String, f64)> {
        self.series(metric).filter(|(_, value)| *value != 0.0).collect()
    }

    /// The sum over all time series of a metric whose labels contain `part`.
    pub(crate) fn sum(&self, metric: &str, part: &str) -> f64 {
        let matching = self.series(metric).filter(|(labels, _)| labels.contains(part));
        matching.map(|(_, value)| value).sum()
    }

    fn series(&self, metric: &str) -> impl Iterator<Item = (String, f64)> {
        self.0.iter().filter_map(move |(name, value)| {
            let labels = name.strip_prefix(metric)?;
            (labels.is_empty() || labels.starts_with('{')).then(|| (labels.to_owned(), *value))
        })
    }
}
