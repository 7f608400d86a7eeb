//! The events of one stream.

use std::collections::VecDeque;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// An event with its number in its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Its number: 1 for the first event. 0 is the place before it, where a client stands that has seen nothing.
    pub sequence: u64,
    /// The whole JSON-RPC message.
    pub message: Bytes,
}

/// The events of one stream as they stand in its record.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Log {
    /// How many events are gone from the beginning.
    #[serde(default)]
    base: u64,
    #[serde(default)]
    events: VecDeque<Box<RawValue>>,
}

impl Log {
    /// Whether nothing was ever said.
    pub(crate) fn is_empty(&self) -> bool {
        self.last() == 0
    }

    /// The number of the last event; 0 where there is none.
    pub(crate) fn last(&self) -> u64 {
        self.base + self.events.len() as u64
    }

    /// Adds an event and gives it the next number.
    pub(crate) fn push(&mut self, message: &RawValue) -> u64 {
        self.events.push_back(message.to_owned());
        self.last()
    }

    /// The events after the one with this number; `None` where some of them are gone.
    pub(crate) fn after(&self, sequence: u64) -> Option<Vec<Logged>> {
        let skipped = sequence.checked_sub(self.base)?;
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        let events = self.events.iter().skip(skipped).zip(sequence + 1..);
        let logged = events.map(|(message, sequence)| Logged {
            sequence,
            message: Bytes::copy_from_slice(message.get().as_bytes()),
        });
        Some(logged.collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn log(base: u64, events: &[&str]) -> Log {
        let mut log = Log {
            base,
            ..Log::default()
        };
        for event in events {
            log.push(&RawValue::from_string((*event).to_owned()).unwrap());
        }
        log
    }

    #[test]
    fn what_comes_after_an_event_comes_whole_or_not_at_all() {
        let log = log(3, &["{\"a\":1}", "2"]);
        let after = |sequence| {
            let logged = log.after(sequence)?;
            let text = |logged: Logged| {
                let message = String::from_utf8(logged.message.to_vec()).unwrap();
                format!("{}:{message}", logged.sequence)
            };
            Some(logged.into_iter().map(text).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(after(2), None, "event 3 is gone");
        assert_eq!(after(3).unwrap(), "4:{\"a\":1} 5:2");
        assert_eq!(after(4).unwrap(), "5:2");
        assert_eq!(after(5).unwrap(), "");
        assert_eq!(after(9).unwrap(), "");
    }
}
