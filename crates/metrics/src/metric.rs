//! One metric: its name, its labels, and the ways to a handle.

use metrics::{Counter, Gauge, Histogram, Key, Level, Metadata};

/// A metric of the table.
#[derive(Debug)]
pub struct Metric {
    /// The name under which it is exported.
    pub name: &'static str,
    /// What sort of value it has.
    pub kind: Kind,
    /// What the value counts.
    pub unit: Unit,
    /// The labels, in the order in which their values are given.
    pub labels: &'static [Label],
    /// What it says, for an operator.
    pub help: &'static str,
}

/// The sorts of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, until the process ends.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It counts observations by size.
    Histogram,
}

/// What a value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things or events.
    Count,
    /// Seconds.
    Seconds,
    /// 1 for yes and 0 for no.
    Truth,
}

/// A label and what it may say.
#[derive(Debug)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub values: Values,
}

/// What a label may say.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// One of these words.
    Words(&'static [&'static str]),
    /// A name out of the configuration or the program, described here.
    Named(&'static str),
}

impl Kind {
    /// The word of the exposition format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Unit {
    /// The word in the table for operators.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Seconds => "seconds",
            Self::Truth => "0 or 1",
        }
    }
}

impl Values {
    pub(crate) fn words(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Words(words) => Some(words),
            Self::Named(_) => None,
        }
    }
}

const METADATA: Metadata<'static> = Metadata::new("mcpg", Level::INFO, None);

impl Metric {
    /// Counts one event. For what happens rarely: the handle is looked up each time.
    pub fn count(&self, values: &[&str]) {
        self.counter(values).increment(1);
    }

    /// Sets the value now. For what happens rarely.
    pub fn set(&self, values: &[&str], value: f64) {
        self.gauge(values).set(value);
    }

    /// The handle of one time series of this counter.
    pub fn counter(&self, values: &[&str]) -> Counter {
        debug_assert_eq!(self.kind, Kind::Counter, "{}", self.name);
        metrics::with_recorder(|recorder| recorder.register_counter(&self.key(values), &METADATA))
    }

    /// The handle of one time series of this gauge.
    pub fn gauge(&self, values: &[&str]) -> Gauge {
        debug_assert_eq!(self.kind, Kind::Gauge, "{}", self.name);
        metrics::with_recorder(|recorder| recorder.register_gauge(&self.key(values), &METADATA))
    }

    /// The handle of one time series of this histogram.
    pub fn histogram(&self, values: &[&str]) -> Histogram {
        debug_assert_eq!(self.kind, Kind::Histogram, "{}", self.name);
        metrics::with_recorder(|recorder| recorder.register_histogram(&self.key(values), &METADATA))
    }

    /// How many time series there can be; `None` where that is up to the configuration.
    pub(crate) fn combinations(&self) -> Option<usize> {
        let counts = self.labels.iter().map(|label| Some(label.values.words()?.len()));
        counts.product()
    }

    pub(crate) fn describe(&self) {
        let unit = (self.unit == Unit::Seconds).then_some(metrics::Unit::Seconds);
        let (name, help) = (self.name.into(), self.help.into());
        metrics::with_recorder(|recorder| match self.kind {
            Kind::Counter => recorder.describe_counter(name, unit, help),
            Kind::Gauge => recorder.describe_gauge(name, unit, help),
            Kind::Histogram => recorder.describe_histogram(name, unit, help),
        });
    }

    fn key(&self, values: &[&str]) -> Key {
        debug_assert_eq!(self.labels.len(), values.len(), "the labels of {}", self.name);
        let labels = self.labels.iter().zip(values).map(|(label, value)| {
            let known = label.values.words().is_none_or(|words| words.contains(value));
            debug_assert!(known, "{value} is no {} of {}", label.name, self.name);
            metrics::Label::new(label.name, (*value).to_owned())
        });
        Key::from_parts(self.name, labels.collect::<Vec<_>>())
    }
}
